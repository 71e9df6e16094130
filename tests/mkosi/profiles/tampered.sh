# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
TITLE="a sealed disk with one byte changed powers the machine off, as configured"

prepare() {
	keys_make
}

boots() {
	disk_boot && ended 'verity: .* data block 0 is corrupted'
}
