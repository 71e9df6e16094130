# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="three layers found by partition label on one disk image of the builder"
FS=erofs
TYPES="verity crypt integrity"
READ_ONLY=yes

prepare() {
	key_make root 64
	mapfile -t keys < <(key_arguments root)
	host "built" builder create --quiet --input "$boot_work/root.erofs" \
		--output "$work/root" --name root "${keys[@]}" --gpt \
		--layer integrity --layer crypt --layer verity --mount / || return 1
	mkdir -p "$manifest_place"
	cp "$work/root/root.json" "$manifest_place/"
	DISKS=("$work/root/root.disk.img:disk")
}

guest() {
	guest_read_only
	check "data and tree are partitions of the one disk" is \
		"$(lsblk --nodeps --noheadings --output PKNAME /dev/disk/by-partlabel/root)" \
		"$(lsblk --nodeps --noheadings --output PKNAME /dev/disk/by-partlabel/root-hash)"
}
