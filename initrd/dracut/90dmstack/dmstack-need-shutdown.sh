#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Without this the shutdown would not come back to the initrd, and the layers below / would never
# be taken down.
need_shutdown
