# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="read-only root on crypt over verity"
FS=erofs
STACK=verity-then-crypt
KEYS=(root:64)
TYPES="crypt verity"
READ_ONLY=yes

guest() {
	guest_read_only
}
