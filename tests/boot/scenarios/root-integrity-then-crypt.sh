# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="root on crypt over integrity keeps a file over a reboot"
STACK=integrity-then-crypt
KEYS=(root:64)
TYPES="crypt integrity"
BOOTS=2

guest() {
	guest_writable
}
