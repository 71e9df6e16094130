# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="a read-only file system leaves writable layers as they were"
FS=erofs
STACK=integrity-then-crypt
KEYS=(root:64)
TYPES="crypt integrity"
READ_ONLY=yes

guest() {
	guest_read_only
}
