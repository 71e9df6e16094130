# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
TITLE="Debian 13, initramfs-tools: LUKS2 with AEAD as root= says, made by update-initramfs; a reboot"
TYPES="crypt integrity"
BOOTS=2
# The first boot ends in a reboot.
GUEST_POWEROFF=reboot
CMDLINE="root=/dev/mapper/root rw"

prepare() {
	distro_prepare trixie initramfs-tools || return 1
	distro_root "$work/root.ext4" || return 1
	key_make root 32
	stack_create "$work/root.ext4" root --stack luks-aead \
		--layer-option luks.pbkdf=pbkdf2 --layer-option luks.pbkdf-force-iterations=1000 \
		--key "file:/etc/dmstack/keys/root=$work/keys/root" --mount / || return 1
	distro_build() {
		distro_chroot "$work/tree" update-initramfs -u -k all
	}
	distro_initrd
}

guest() {
	guest_writable
}
