# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
TITLE="Debian 13, initramfs-tools: root on crypt over integrity, mounted as the manifest says"
TYPES="crypt integrity"

prepare() {
	distro_prepare trixie initramfs-tools || return 1
	distro_root "$work/root.ext4" || return 1
	key_make root 64
	stack_create "$work/root.ext4" root --stack integrity-then-crypt \
		--key "file:/etc/dmstack/keys/root=$work/keys/root" --mount /:ext4:rw,noatime || return 1
	distro_initrd && distro_added_is_closure
}

guest() {
	check_root root "$TYPES"
	check "the options are those of the manifest" findmnt -n -O noatime /
	check "the whole device can be read" reads_whole /dev/mapper/root
	check "no layer counts a mismatch" no_mismatch
}
