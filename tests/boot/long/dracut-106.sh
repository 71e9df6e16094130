# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
TITLE="Debian 13, dracut: root on crypt over integrity; a reboot, and a clean end in the exitrd"
TYPES="crypt integrity"
BOOTS=2
# The first boot ends in a reboot.
GUEST_POWEROFF=reboot

prepare() {
	distro_prepare trixie dracut || return 1
	distro_root "$work/root.ext4" || return 1
	key_make root 64
	stack_create "$work/root.ext4" root --stack integrity-then-crypt \
		--key "file:/etc/dmstack/keys/root=$work/keys/root" --mount /:ext4 || return 1
	distro_initrd --no-hostonly && distro_added_is_closure --no-hostonly
}

guest() {
	guest_writable
}

after() {
	host "the exitrd took everything down" \
		grep -aq 'exitrd: mappings left: No devices found' "$work/console.log"
}
