# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
TITLE="Debian 13, dracut: root on crypt over integrity; a reboot, a clean end in the exitrd"
TYPES="crypt integrity"
BOOTS=2
# The first boot ends in a reboot.
GUEST_POWEROFF=reboot

prepare() {
	distro_prepare trixie dracut &&
		distro_stack_integrity_crypt || return 1
	distro_initrd --no-hostonly && distro_added_is_closure --no-hostonly
}

guest() {
	guest_writable
}

after() {
	distro_exitrd_was_clean
}
