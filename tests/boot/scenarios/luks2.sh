# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TIMEOUT=600
TITLE="LUKS2 volumes made offline are opened by dmstack and by an unmodified cryptsetup"
FORBID='BUG: |Oops|Call Trace|Kernel panic|[Oo]rdering cycle'

# The usual count takes many seconds in an emulated machine; one volume has it.
fast=pbkdf=pbkdf2,pbkdf-force-iterations=1000

# Name, layers from the top down, options of the integrity layer (or -), options of the luks layer.
luks_rows="
plain   crypt            -                sector-size=4096,pbkdf=pbkdf2
small   crypt            -                sector-size=512,$fast
argon   crypt            -                pbkdf=argon2id,pbkdf-memory=32M
xts     crypt_integrity  sector-size=4096 integrity=hmac-sha256,$fast
xts512  crypt_integrity  sector-size=512  integrity=hmac-sha256,sector-size=512,$fast
gcm     crypt_integrity  sector-size=4096 cipher=aes-gcm-random,integrity=aead,$fast
chacha  crypt_integrity  sector-size=4096 cipher=chacha20-random,integrity=poly1305,$fast
"

# damage IMAGE: a byte of the tag of block 510 (of 4096 bytes) and one of the ciphertext of block 511,
# which is the last.
damage() {
	local facts offset size
	facts=$(builder inspect --offset 16M --json "$1") || return 1
	read -r offset size < <(python3 -c 'import json, sys
facts = json.load(sys.stdin)
print(facts["tags-offset"], facts["tag-size"] * (4096 // facts["sector-size"]))' <<<"$facts")
	python3 "$boot_dir/lib/flip.py" byte "$1" $((offset + 510 * size + 1)) &&
		python3 "$boot_dir/lib/flip.py" byte "$1" $(($(stat -c %s "$1") - 100))
}

prepare() {
	local name types tags options layers keys shared
	prepare_default
	in_host
	shared=$work/initrd/dmstack-test/run/dmstack-test
	mkdir -p "$shared"
	small_fs "$work/data.ext4" 2
	head -c $((510 * 4096)) "$work/data.ext4" | sha256sum | cut -d' ' -f1 >"$shared/head.sha256"
	while read -r name types tags options; do
		[ -n "$name" ] || continue
		key_make "$name" 40
		mapfile -t keys < <(key_arguments "$name")
		layers=()
		[ "$tags" = - ] || layers+=(--layer "integrity,noauto,$tags")
		layers+=(--layer "luks,noauto,key=file:$key_dir/$name,$options")
		stack_create "$work/data.ext4" "$name" "${layers[@]}" "${keys[@]}" || return 1
		host "$name is sound" builder verify "$work/$name/$name.json" "${keys[@]}" || return 1
		[ "$name" != small ] || rekey_image "$work/$name/$name.data.img" "$name" \
			"$name luks {data} tpm2:root" || return 1
		[ "$tags" != - ] || continue
		host "$name is damaged" damage "$work/$name/$name.data.img" || return 1
	done <<<"$luks_rows"
}

reads_head() {
	echo 3 >/proc/sys/vm/drop_caches
	is "$(dd if="$1" bs=4096 count=510 iflag=direct status=none | sha256sum | cut -d' ' -f1)" \
		"$(cat /run/dmstack-test/head.sha256)"
}

# check_reads NAME DEVICE TAGS: as built, and where there are tags a damaged block is an error.
check_reads() {
	check "$1: $2 reads as built" reads_head "$2"
	[ "$3" = - ] || check "$1: $2 gives an error for a flipped bit" fails_to_read "$2" 511
	[ "$3" = - ] || check "$1: $2 gives an error for a flipped bit of a tag" fails_to_read "$2" 510
}

guest() {
	local name types tags options
	while read -r name types tags options; do
		[ -n "$name" ] || continue
		check "$name: starts" systemctl start "dmstack@$name.service"
		check "$name: the layers" is \
			"$(types_below "$(basename "$(realpath "/dev/mapper/$name")")")" "${types/_/ }"
		refuse "$name: no key in the table" sh -c "dmsetup table $name | grep -E '[0-9a-f]{32}'"
		check_reads "$name" "/dev/mapper/$name" "$tags"
		check "$name: attaching again changes nothing" dmstack attach "$name"
		check "$name: stops" systemctl stop "dmstack@$name.service"
		[ "$tags" = - ] || check "$name: its tags stop" systemctl stop "dmstack@$name\\x2dintegrity.service"
		check "$name: cryptsetup opens it" cryptsetup open --key-file \
			"/run/dmstack-test/keys/$name" "/dev/disk/by-id/virtio-$name" "cs-$name"
		check_reads "$name" "/dev/mapper/cs-$name" "$tags"
		check "$name: cryptsetup closes it" cryptsetup close "cs-$name"
	done <<<"$luks_rows"
	check "no unit failed" no_failed_units
}
