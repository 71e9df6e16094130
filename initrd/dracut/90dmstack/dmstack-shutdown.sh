#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Called again and again until it succeeds, since a layer may be in use for a while; the last time
# with the argument "final". udevd was killed and has left its socket: nobody acknowledges anything.
export DM_DISABLE_UDEV=1
if [ "$1" = final ]; then
	dmstack detach --all
else
	dmstack detach --all >/dev/null 2>&1
fi
