# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
TITLE="Debian 12, dracut host-only: a read-only root under verity and a writable /var on crypt; a reboot, a clean end in the exitrd"
TYPES="verity"
BOOTS=2
# The first boot ends in a reboot.
GUEST_POWEROFF=reboot

prepare() {
	distro_prepare bookworm dracut &&
		distro_stack_verity_var || return 1
	# Host-only for this very machine, whose devices dracut cannot see in here.
	set -- --hostonly --no-hostonly-cmdline --add-drivers "virtio_blk virtio_pci ext4"
	distro_initrd "$@" && distro_added_is_closure "$@"
}

guest() {
	guest_read_only_var
}

after() {
	distro_exitrd_was_clean
}
