# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="the key of the root comes as a systemd credential"
FS=squashfs
TYPES="crypt"
READ_ONLY=yes

prepare() {
	key_make root 64
	vm_extra=(-smbios "type=11,value=io.systemd.credential.binary:root=$(base64 -w 0 "$work/keys/root")")
	rm "$key_place/root"
	stack_create "$boot_work/root.squashfs" root --stack crypt-only --mount / \
		--key "credential:root=$work/keys/root"
}

guest() {
	guest_read_only
}
