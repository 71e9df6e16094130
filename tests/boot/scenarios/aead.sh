# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TIMEOUT=600
TITLE="authenticated encryption made offline is read by the kernel, a flipped bit never"
FORBID='BUG: |Oops|Call Trace|Kernel panic|[Oo]rdering cycle'

# Name, bytes of the key, block size, options of the crypt layer.
aead_rows='
sound   96 4096 integrity=hmac-sha256
xts     96 4096 integrity=hmac-sha256
xts512  96 512  integrity=hmac-sha256,sector-size=512
xtsrnd  96 4096 cipher=aes-xts-random,integrity=hmac-sha256
sha512  128 4096 cipher=aes-xts-random,integrity=hmac-sha512
essiv   64 4096 cipher=aes-cbc-essiv:sha256,integrity=hmac-sha256
gcm     32 4096 cipher=aes-gcm-random,integrity=aead
ccm     35 4096 cipher=aes-ccm-random,integrity=aead
chacha  32 4096 cipher=chacha20-random,integrity=poly1305
chachap 32 4096 cipher=chacha20-plain64,integrity=poly1305
'
# Those that are re-keyed when they are damaged already, and stay so.
aead_rekeyed=' sound xts512 gcm '

# rekey NAME BLOCK OPTIONS
rekey() {
	local image=$work/$1/$1.data.img size
	[[ $aead_rekeyed == *" $1 "* ]] || return 0
	size=$(builder inspect --json "$image" | python3 -c 'import json, sys
print(json.load(sys.stdin)["tag-size"])') || return 1
	rekey_image "$image" "$1" \
		"$1-tags integrity {data} - integrity-algorithm=none,tag-size=$size,sector-size=$2" \
		"$1 crypt $1-tags tpm2:root sector-size=$2,${3%,sector-size=*}"
}

# Block 9 (of 4096 bytes) has a damaged ciphertext, block 11 a damaged tag, but in the first stack.
prepare() {
	local name bytes block options keys data tag shared
	prepare_default
	in_host
	shared=$work/initrd/dmstack-test/run/dmstack-test
	mkdir -p "$shared"
	small_fs "$work/data.ext4" 2
	head -c $((9 * 4096)) "$work/data.ext4" | sha256sum | cut -d' ' -f1 >"$shared/head.sha256"
	tail -c +$((12 * 4096 + 1)) "$work/data.ext4" | sha256sum | cut -d' ' -f1 >"$shared/tail.sha256"
	while read -r name bytes block options; do
		[ -n "$name" ] || continue
		key_make "$name" "$bytes"
		mapfile -t keys < <(key_arguments "$name")
		stack_create "$work/data.ext4" "$name" \
			--layer "integrity,noauto,sector-size=$block" \
			--layer "crypt,noauto,key=file:$key_dir/$name,$options" "${keys[@]}" || return 1
		host "$name is sound" builder verify "$work/$name/$name.json" "${keys[@]}" || return 1
		[ "$name" != sound ] || rekey "$name" "$block" "$options" || return 1
		[ "$name" != sound ] || continue
		read -r data tag < <(python3 "$boot_dir/lib/place.py" \
			"$work/$name/$name.data.img" $((9 * 4096 / block)))
		python3 "$boot_dir/lib/flip.py" byte "$work/$name/$name.data.img" "$data"
		read -r data tag < <(python3 "$boot_dir/lib/place.py" \
			"$work/$name/$name.data.img" $((11 * 4096 / block)))
		python3 "$boot_dir/lib/flip.py" byte "$work/$name/$name.data.img" "$tag"
		if builder verify --no-digest "$work/$name/$name.json" "${keys[@]}" >"$work/verify.log" 2>&1; then
			fail "dmstack-build verify did not see the damage of $name"
			return 1
		fi
		rekey "$name" "$block" "$options" || return 1
	done <<<"$aead_rows"
}

# reads_beside DEVICE: all but the damaged blocks are as built.
reads_beside() {
	echo 3 >/proc/sys/vm/drop_caches
	is "$(dd if="$1" bs=4096 count=9 iflag=direct status=none | sha256sum | cut -d' ' -f1)" \
		"$(cat /run/dmstack-test/head.sha256)" &&
		is "$(dd if="$1" bs=4096 skip=12 count=500 iflag=direct status=none | sha256sum | cut -d' ' -f1)" \
			"$(cat /run/dmstack-test/tail.sha256)"
}

guest() {
	local name bytes block options number
	while read -r name bytes block options; do
		[ -n "$name" ] || continue
		check "$name: starts" systemctl start "dmstack@$name.service"
		check "$name: the layers" is \
			"$(types_below "$(basename "$(realpath "/dev/mapper/$name")")")" "crypt integrity"
		refuse "$name: no key in the table" sh -c \
			"dmsetup table $name | grep -E '[0-9a-f]{32}'"
		check "$name: reads as built beside the damage" reads_beside "/dev/mapper/$name"
		[ "$name" != sound ] || continue
		check "$name: with a flipped bit of ciphertext a block is an error" \
			fails_to_read "/dev/mapper/$name" 9
		check "$name: with a flipped bit of its tag a block is an error" \
			fails_to_read "/dev/mapper/$name" 11
	done <<<"$aead_rows"
	check "sound: all of it can be read" reads_whole /dev/mapper/sound
	check "sound: mounts" mount -o ro /dev/mapper/sound /mnt
	check "sound: the file is there" test -s /mnt/random
	check "sound: can be unmounted" umount /mnt
	check "sound: stops" systemctl stop dmstack@sound.service
	check "no unit failed" no_failed_units
}
