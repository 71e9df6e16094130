# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
TITLE="a disk with its root on verity boots from its EFI system partition"

boots() {
	disk_boot && healthy
}
