# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
TITLE="Debian 13, dracut: a newer kernel is installed on root over crypt and integrity, and boots"
TYPES="crypt integrity"
BOOTS=2
# The first boot ends in a reboot.
GUEST_POWEROFF=reboot
TIMEOUT=1500

prepare() {
	upgrade_prepare trixie dracut && distro_stack_integrity_crypt /:ext4:rw || return 1
	host_knows root
	upgrade_initrd --no-hostonly
}

before_boot() {
	[ "$1" = 1 ] || upgrade_take
}

guest() {
	guest_upgrade
}

after() {
	distro_exitrd_was_clean
}
