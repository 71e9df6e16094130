# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="three layers found by partition label on one disk"
FS=erofs
TYPES="verity crypt integrity"
READ_ONLY=yes

# partition IMAGE...: a GPT disk, with each image in a partition of exactly its size.
partition() {
	local image start=2048 sectors table="label: gpt"
	for image in "$@"; do
		sectors=$((($(stat -c %s "${image%%:*}") + 511) / 512))
		table+=$'\n'"start=$start, size=$sectors, name=${image##*:}"
		start=$(((start + sectors + 2047) / 2048 * 2048))
	done
	truncate -s $(((start + 2048) * 512)) "$work/disk.img"
	sfdisk --quiet "$work/disk.img" <<<"$table" || return 1
	start=2048
	for image in "$@"; do
		dd if="${image%%:*}" of="$work/disk.img" bs=512 seek=$start conv=notrunc,sparse \
			status=none || return 1
		sectors=$((($(stat -c %s "${image%%:*}") + 511) / 512))
		start=$(((start + sectors + 2047) / 2048 * 2048))
	done
}

prepare() {
	key_make root 64
	mapfile -t keys < <(key_arguments root)
	host "built" builder create --quiet --input "$boot_work/root.erofs" \
		--output "$work/root" --name root "${keys[@]}" \
		--layer integrity --layer crypt --layer verity --mount / || return 1
	mkdir -p "$manifest_place"
	cp "$work/root/root.json" "$manifest_place/"
	host "partitioned" partition "$work/root/root.data.img:root" \
		"$work/root/root.hash.img:root-hash" || return 1
	DISKS=("$work/disk.img:disk")
}

guest() {
	guest_read_only
}
