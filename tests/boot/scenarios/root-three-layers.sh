# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="read-only ext4 root on verity over crypt over integrity"
LAYERS=(integrity,integrity-algorithm=sha256,sector-size=4096 crypt,cipher=aes-xts-plain64,sector-size=4096 verity)
KEYS=(root:64)
TYPES="verity crypt integrity"
READ_ONLY=yes
HOST_KNOWS=yes

guest() {
	guest_read_only
	check "the stack is as configured" sh -c 'dmstack status | grep "as configured"'
	refuse "no layer is unknown" sh -c 'dmstack status | grep "not configured"'
}
