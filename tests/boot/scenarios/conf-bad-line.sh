# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="a bad line is logged with its place and the good one works"
FORBID='I/O error|mismatch|BUG: |Oops|Call Trace|Kernel panic|[Oo]rdering cycle'

prepare() {
	prepare_default
	in_initrd
	key_make good 64
	cat >"$work/initrd/etc/dmstack.conf" <<-END
		good crypt ID=virtio-good file:/etc/dmstack/keys/good cipher=aes-xts-plain64,sector-size=4096,x-initrd.attach
		bad crypt ID=virtio-good file:/etc/dmstack/keys/good no-such-option=1,x-initrd.attach
	END
	small_fs "$work/good.ext4" 4
	mapfile -t keys < <(key_arguments good)
	stack_create "$work/good.ext4" good --stack crypt-only "${keys[@]}" || return 1
	rm "$manifest_place/good.json"
}

guest() {
	check "the good line has a device" test -b /dev/mapper/good
	check "it can be mounted" mount -o ro /dev/mapper/good /mnt
	refuse "the bad line has none" test -e /dev/mapper/bad
	check "the kernel log has file, line and word" \
		sh -c "dmesg | grep -E 'dmstack.*/etc/dmstack.conf:2.*no-such-option'"
}
