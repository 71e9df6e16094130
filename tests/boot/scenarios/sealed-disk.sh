# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="fail=panic: a sealed root on a changed disk ends the machine before a table is loaded or a shell opens"
TIMEOUT=300
ROWS=(missing zeroed data)
ALL_ROWS=(late foreign recalculating dirty grown tag)

prepare() {
	local keys
	key_make root 64
	key_make tags 32
	key_make journal 32
	mapfile -t keys < <(key_arguments root tags journal)
	rows_stack root --fail panic "${keys[@]}" \
		--layer "integrity,name=tags,integrity-algorithm=hmac-sha256,sector-size=4096,key=file:$key_dir/tags,journal-integrity=hmac-sha256,journal-integrity-key=file:$key_dir/journal" \
		--layer "crypt,key=file:$key_dir/root,sector-size=4096"
}

row_missing() {
	row_without root
	SAYS='sealed: a unit failed, or a shell was asked for; panic follows'
}

# The disk is there, but udev takes longer for its link than the layer waits.
row_late() {
	local rules=$work/initrd/usr/lib/udev/rules.d
	row_impatient
	mkdir -p "$rules"
	echo 'SUBSYSTEM=="block", KERNEL=="vd*", PROGRAM="/bin/sleep 7"' >"$rules/10-late.rules"
	SAYS='Timed out waiting for device dev-disk-by\\x2did-virtio\\x2droot.device'
}

row_foreign() {
	local disk
	disk=$(row_disk root)
	head -c "$(stat -c %s "$disk")" /dev/urandom >"$disk.new" && mv "$disk.new" "$disk"
	SAYS='sealed: tags: .*superblock.*; panic follows'
}

# The kernel would format it.
row_zeroed() {
	dd if=/dev/zero of="$(row_disk root)" bs=1M count=1 conv=notrunc status=none
	SAYS='sealed: tags: .*would format the device.*; panic follows'
}

# set_flag BIT: in byte 24 of the superblock.
set_flag() {
	local disk flags
	disk=$(row_disk root)
	flags=$(od -An -tu1 -j24 -N1 "$disk")
	# shellcheck disable=SC2059
	printf "\\x$(printf %x $((flags | $1)))" | dd of="$disk" bs=1 seek=24 conv=notrunc status=none
}

row_recalculating() {
	set_flag 2
	SAYS='sealed: tags: .*accept any data.*; panic follows'
}

row_dirty() {
	set_flag 4
	SAYS='sealed: tags: .*dirty bitmap.*; panic follows'
}

row_grown() {
	truncate -s +4096 "$(row_disk root)"
	SAYS='sealed: tags: .*exactly the size.*; panic follows'
}

# damaged_place FIELD: flips a bit where the superblock of the file system is, so that the mount
# finds it. Both layers come up.
damaged_place() {
	local disk offsets
	disk=$(row_disk root)
	read -ra offsets < <(python3 "$boot_dir/lib/place.py" "$disk" 0)
	python3 "$boot_dir/lib/flip.py" byte "$disk" "${offsets[$1]}"
	SAYS='integrity: .*Checksum failed|INTEGRITY AEAD ERROR|Failed to mount sysroot.mount'
}

row_data() {
	damaged_place 0
}

row_tag() {
	damaged_place 1
}
