# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
# What tests/demo shows from inside. Lines that begin with "|" are printed as they are.
TITLE="demonstration"
TYPES="verity crypt integrity"
READ_ONLY=yes

shown() {
	say "|"
	say "|# $*"
	"$@" 2>&1 | while IFS= read -r line; do say "|$line"; done
}

guest() {
	shown uname -sr
	shown lsblk -o NAME,TYPE,SIZE,RO,MOUNTPOINTS
	shown dmstack status
	shown dmsetup table
	shown findmnt /
	shown systemctl list-units --no-pager --plain --no-legend 'dmstack*'
	shown head -n 2 /etc/os-release
	guest_read_only
}
