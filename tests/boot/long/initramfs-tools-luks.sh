# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
TITLE="Debian 13, initramfs-tools: root on LUKS2 with AEAD; a reboot"
TYPES="crypt integrity"
BOOTS=2
# The first boot ends in a reboot.
GUEST_POWEROFF=reboot
CMDLINE="root=/dev/mapper/root rw"

prepare() {
	distro_prepare trixie initramfs-tools &&
		distro_stack_luks_aead / || return 1
	distro_build() {
		distro_chroot "$work/tree" update-initramfs -u -k all
	}
	distro_initrd
}

guest() {
	guest_writable
}
