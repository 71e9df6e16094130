# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="read-only root on verity"
FS=squashfs
STACK=verity-only
TYPES="verity"
READ_ONLY=yes

guest() {
	guest_read_only
}
