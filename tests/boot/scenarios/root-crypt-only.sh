# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="root on crypt keeps a file over a reboot"
STACK=crypt-only
KEYS=(root:64)
TYPES="crypt"
BOOTS=2
HOST_KNOWS=yes

guest() {
	guest_writable
}
