# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="root on integrity over crypt keeps a file over a reboot"
STACK=crypt-then-integrity
KEYS=(root:64)
TYPES="integrity crypt"
BOOTS=2

guest() {
	guest_writable
}
