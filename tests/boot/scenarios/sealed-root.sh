# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="a sealed root on crypt over keyed integrity goes through the gate"
FS=squashfs
TYPES="crypt integrity"
READ_ONLY=yes

prepare() {
	local keys
	key_make root 64
	key_make tags 32
	key_make journal 32
	mapfile -t keys < <(key_arguments root tags journal)
	stack_create "$boot_work/root.squashfs" root --mount / --phase sealed "${keys[@]}" \
		--layer "integrity,name=tags,integrity-algorithm=hmac-sha256,sector-size=4096,key=file:$key_dir/tags,journal-integrity=hmac-sha256,journal-integrity-key=file:$key_dir/journal" \
		--layer "crypt,key=file:$key_dir/root,sector-size=4096"
}

guest() {
	guest_read_only
	check "the gate was there" sh -c \
		"journalctl -b -o cat | grep 'Finished dmstack-gate.service'"
	refuse "nothing was said to be wrong" sh -c "journalctl -b -o cat | grep 'sealed: '"
}
