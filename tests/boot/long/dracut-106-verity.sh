# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
TITLE="Debian 13, dracut: a read-only root under verity and a writable /var on crypt; a reboot, a clean end in the exitrd"
TYPES="verity"
BOOTS=2
# The first boot ends in a reboot.
GUEST_POWEROFF=reboot

prepare() {
	distro_prepare trixie dracut &&
		distro_stack_verity_var || return 1
	distro_initrd --no-hostonly && distro_added_is_closure --no-hostonly
}

guest() {
	guest_read_only_var
}

after() {
	distro_exitrd_was_clean
}
