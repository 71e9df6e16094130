# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
TITLE="dmstack-recipes(7): a Debian system moves onto tags below / and /home, and boots by GRUB twice"
BOOTS=3
GUEST_POWEROFF=reboot
TIMEOUT=1500

prepare() {
	recipe_disk=1400M
	recipe_prepare recipe-initramfs-tools "TAGS BELOW / AND /HOME" \
		disk=/dev/disk/by-id/virtio-new boot_size=256M root_size=800M
}

before_boot() {
	recipe_before_boot "$1"
}

guest() {
	guest_recipe integrity
	[ "$BOOT" != 0 ] || return
	check "/home is on its own layer" is "$(findmnt -n -o SOURCE /home)" /dev/mapper/home
	check "its layer is integrity" is "$(dmsetup table home | cut -d' ' -f3)" integrity
	check "lsblk calls it so" is "$(lsblk -n -o TYPE /dev/mapper/root)" integrity
}
