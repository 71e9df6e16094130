# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
TITLE="dmstack-recipes(7): a Debian system moves onto LUKS2 with integrity, and boots by GRUB twice"
BOOTS=3
GUEST_POWEROFF=reboot
TIMEOUT=1500

prepare() {
	vm_answers=(
		"Type 'yes' in capital letters=YES"
		"(Enter|Verify) passphrase[^:]*:=correct horse"
		"[Kk]ey for root[^:]*:=correct horse"
	)
	recipe_disk=1200M
	recipe_prepare recipe-dracut "LUKS2 WITH AUTHENTICATED ENCRYPTION BELOW /" \
		disk=/dev/disk/by-id/virtio-new boot_size=256M
}

before_boot() {
	recipe_before_boot "$1"
}

guest() {
	guest_recipe "crypt integrity"
	[ "$BOOT" != 0 ] || return
	check "cryptsetup knows the passphrase as well" sh -c \
		"printf 'correct horse' | cryptsetup open --test-passphrase --key-file - /dev/disk/by-partlabel/root"
}

after() {
	distro_exitrd_was_clean
}
