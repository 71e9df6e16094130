# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
TITLE="Debian 13, initramfs-tools: root on crypt over integrity; a reboot"
TYPES="crypt integrity"
BOOTS=2
# The first boot ends in a reboot.
GUEST_POWEROFF=reboot

prepare() {
	distro_prepare trixie initramfs-tools &&
		distro_stack_integrity_crypt /:ext4:rw,noatime || return 1
	distro_initrd && distro_added_is_closure
}

guest() {
	guest_writable
	check "the options are those of the manifest" findmnt -n -O noatime /
}
