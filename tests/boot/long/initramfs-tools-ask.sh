# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
TITLE="Debian 13, initramfs-tools: the passphrase of a LUKS2 root is typed at the console, once wrongly"
TYPES="crypt"

prepare() {
	vm_answers=("Key for root: =wrong horse|correct horse")
	distro_prepare trixie initramfs-tools && distro_root "$work/root.ext4" || return 1
	mkdir -p "$work/keys"
	printf 'correct horse' >"$work/keys/root"
	stack_create "$work/root.ext4" root --mount /:ext4:rw --key "ask=$work/keys/root" \
		--layer luks,key=ask,pbkdf=pbkdf2,pbkdf-force-iterations=1000 || return 1
	distro_initrd && distro_added_is_closure
}

guest() {
	check_root root "$TYPES"
	check "the whole device can be read" reads_whole /dev/mapper/root
	check "it can be written to" sh -c 'date >/srv/kept && sync'
}

after() {
	host "the wrong passphrase was refused" grep -aq 'the key opens none of 1 keyslots' "$work/console.log" &&
		host "it was asked for twice" is_twice &&
		host "nothing that was typed is shown" distro_lacks "$work/console.log" horse
}

is_twice() {
	[ "$(grep -ao 'Key for root: ' "$work/console.log" | wc -l)" -eq 2 ]
}
