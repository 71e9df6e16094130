# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="fail=reboot: a sealed root whose tree, disks, manifest or file system are not right"
TIMEOUT=300
ROWS=(tree superblock unreadable kernel-panics)
ALL_ROWS=(swapped manifest filesystem kernel-restarts error-panics error-restarts error-is-read)

prepare() {
	rows_stack root --fail reboot --layer verity
}

# The second block of the tree is below the root; the first has the superblock.
row_tree() {
	END=reboot SAYS='verity: .*(metadata|hash) block .* is corrupted'
	python3 "$boot_dir/lib/flip.py" byte "$(row_disk root-hash)" 4100
}

row_superblock() {
	END=reboot SAYS='sealed: root: .*; reboot follows'
	python3 "$boot_dir/lib/flip.py" byte "$(row_disk root-hash)" 32
}

row_swapped() {
	local data hash
	END=reboot SAYS='sealed: root: .*; reboot follows'
	data=$(row_disk root) hash=$(row_disk root-hash)
	DISKS=("$hash:root" "$data:root-hash")
}

row_manifest() {
	END=reboot SAYS='verity: .* is corrupted'
	edit_manifest 'h = m["layers"][-1]["root-hash"]
m["layers"][-1]["root-hash"] = ("1" if h[0] == "0" else "0") + h[1:]'
}

# A manifest that cannot be read is sealed, and with it the machine; nobody can say its action.
row_unreadable() {
	END=panic SAYS='sealed: .*; panic follows'
	echo '{"dmstack": 1, "phase": "saeled"' >"$manifest_place/root.json"
}

# All layers are right, and what is in them is no file system.
row_filesystem() {
	END=reboot SAYS='sealed: a unit failed|Rebooting: |sysroot.mount: Failed with result'
	head -c 1M /dev/urandom >"$work/noise"
	rows_make_anew
	stack_create "$work/noise" root --mount /:squashfs --phase sealed --fail reboot --layer verity
}

# on_corruption WORD: the first block of the file system is damaged, and the kernel sees to it.
on_corruption() {
	rows_make_anew
	rows_stack root --fail poweroff --layer "verity,on-corruption=$1" &&
		python3 "$boot_dir/lib/flip.py" byte "$(row_disk root)" 100
}

row_kernel_panics() {
	END=verity-panic SAYS='verity: .* data block 0 is corrupted'
	on_corruption panic
}

row_kernel_restarts() {
	END=reboot SAYS="Restarting system with command .*dm-verity"
	on_corruption restart
}

# on_error WORD: the disk has an error where the first block of the file system is. Linux 6.1 does not
# know what to do then, and dmstack says what comes nearest.
on_error() {
	rows_make_anew
	rows_stack root --fail poweroff --layer "verity,on-error=$1" || return 1
	vm_extra+=(-drive "if=none,id=bad,format=raw,file.driver=blkdebug,file.image.driver=file,file.image.filename=$(row_disk root),file.inject-error.0.event=read_aio,file.inject-error.0.sector=0,file.inject-error.0.errno=5"
		-device "virtio-blk-pci,drive=bad,serial=root")
	row_take_disk root
	[ "$suite" != bookworm ] || [ "$1" = eio ] ||
		END=poweroff SAYS='on-error needs Linux 6.12 or later; without it, on-error=eio .* comes nearest'
}

row_error_panics() {
	END=verity-panic SAYS='Kernel panic - not syncing: dm-verity device has I/O error'
	on_error panic
}

row_error_restarts() {
	END=reboot SAYS='dm-verity device has I/O error'
	on_error restart
}

# Nothing but the reader learns of it; here that is the mount.
row_error_is_read() {
	END=poweroff SAYS='sealed: a unit failed, or a shell was asked for; poweroff follows'
	on_error eio
}
