# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
TITLE="Debian 13, initramfs-tools: in the sealed phase a wrong superblock powers off, with no shell"

prepare() {
	distro_prepare trixie initramfs-tools || return 1
	distro_root "$work/root.ext4" || return 1
	key_make root 64
	stack_create "$work/root.ext4" root --stack integrity-then-crypt --phase sealed --fail poweroff \
		--key "file:/etc/dmstack/keys/root=$work/keys/root" --mount /:ext4 || return 1
	distro_initrd || return 1
	python3 "$boot_dir/lib/flip.py" byte "${DISKS[0]%%:*}" 40
}

# There is no system that could report: the console and the end of the machine are all there is.
scenario_judge() {
	host "the superblock is refused" grep -aq 'dmstack: .*superblock' "$work/console.log" &&
		host "the machine powers off" grep -aq 'Power down' "$work/console.log" &&
		host "no shell and no root" distro_lacks "$work/console.log" '\(initramfs\)|Run .*init as init process.*sbin'
}
