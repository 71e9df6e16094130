# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="an integrity image on a larger partition, behind a linear layer; block sizes as planned"

prepare() {
	prepare_default
	in_host
	key_make data 64
	small_fs "$work/data.ext4" 4
	mapfile -t keys < <(key_arguments data)
	host "built" builder create --quiet --input "$work/data.ext4" --output "$work/data" --name data \
		--gpt --partition-size 24M --layer integrity,noauto \
		--layer "crypt,key=file:$key_dir/data,noauto" "${keys[@]}" || return 1
	mkdir -p "$manifest_place"
	cp "$work/data/data.json" "$manifest_place/"
	DISKS+=("$work/data/data.disk.img:data")
}

superblock() {
	head -c 4096 /dev/disk/by-partlabel/data | sha256sum
}

# limits NAME: logical and physical block and minimum I/O of a mapping.
limits() {
	local queue
	queue=/sys/block/$(basename "$(realpath "/dev/mapper/$1")")/queue
	cat "$queue/logical_block_size" "$queue/physical_block_size" "$queue/minimum_io_size" |
		tr '\n' ' '
}

guest() {
	local before name
	before=$(superblock)
	check "the partition is larger" is "$(blockdev --getsize64 /dev/disk/by-partlabel/data)" \
		$((24 << 20))
	check "the plan says why" sh -c 'dmstack plan data | grep -q "data-linear: keeps the size"'
	for _ in 1 2; do
		check "the stack comes up" dmstack attach data
		check "all of it can be read" reads_whole /dev/mapper/data
		check "a file system is on it" mount /dev/mapper/data /mnt
		check "it can be written" sh -c 'echo more >/mnt/more && sync'
		check "it is unmounted" umount /mnt
		for name in data-integrity data; do
			check "the blocks of $name are those of the layer" is "$(limits $name)" \
				"4096 4096 4096 "
			check "the plan has the I/O sizes of $name" is "$(limits $name)" \
				"$(dmstack plan --json data | tr '{' '\n' | grep "\"name\":\"$name\",\"type\"" -A 3 |
					grep -o '"block_size":[0-9]*' | head -n 1 |
					sed 's/.*:\(.*\)/\1 \1 \1 /')"
		done
		check "the stack goes down" dmstack detach --stack data
	done
	check "the kernel kept the size in the superblock" is "$(superblock)" "$before"
}
