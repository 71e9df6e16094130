# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TIMEOUT=600
TITLE="integrity devices that were not closed are finished offline as the kernel would"
FORBID='BUG: |Oops|Call Trace|Kernel panic|[Oo]rdering cycle'

# Name, options of the layer; keys are called NAME, NAME-mac and NAME-crypt, K stands for their
# folder.
repair_rows='
plain   integrity-algorithm=sha256,journal-size=2M
small   integrity-algorithm=crc32c,sector-size=512,journal-size=2M
keyed   integrity-algorithm=hmac-sha256,key=K/keyed,journal-size=2M,journal-integrity=hmac-sha256,journal-integrity-key=K/keyed-mac,journal-crypt=cbc-aes,journal-crypt-key=K/keyed-crypt
bitmap  integrity-algorithm=sha256,mode=bitmap,bitmap-flush-time=1000s,bitmap-sectors-per-bit=64
recalc  integrity-algorithm=sha256
'

prepare() {
	local name options keys shared
	prepare_default
	in_host
	shared=$work/initrd/dmstack-test/run/dmstack-test
	take_cryptsetup integritysetup "$shared/bin" || return 1
	key_make keyed 32
	key_make keyed-mac 32
	key_make keyed-crypt 16
	mapfile -t keys < <(key_arguments keyed keyed-mac keyed-crypt)
	while read -r name options; do
		[ -n "$name" ] || continue
		head -c 4M /dev/urandom >"$work/$name.input"
		stack_create "$work/$name.input" "$name" --layer "integrity,noauto,${options//=K/=file:$key_dir}" \
			"${keys[@]}" || return 1
	done <<<"$repair_rows"
}

sum_of() {
	echo 3 >/proc/sys/vm/drop_caches
	dd if="$1" bs=1M iflag=direct status=none | sha256sum | cut -d' ' -f1
}

# open_like NAME IMAGE MODE [OPTION]: as /dev/mapper/again, by the kernel alone, with NAME's table.
open_like() {
	local start length target device offset tag mode n options loop
	loop=$(losetup --find --show "$2") || return 1
	read -r start length target device offset tag mode n options < <(dmsetup table --showkeys "$1")
	[ -z "$4" ] || n=$((n + 1))
	dmsetup create again --table \
		"$start $length $target $loop $offset $tag $3 $n $options $4"
}

close_again() {
	udevadm settle
	wait_until dmsetup remove again
	losetup --detach-all
}

# again_is SHA256: /dev/mapper/again has this content, no mismatch, and nothing to recalculate.
again_is() {
	local status
	is "$(sum_of /dev/mapper/again)" "$1" || return 1
	status=$(dmsetup status again)
	case $status in
	*" integrity 0 "*" -") ;;
	*)
		echo "status: $status"
		return 1
		;;
	esac
}

# integritysetup_reads IMAGE SHA256 OPTION...
integritysetup_reads() {
	local loop image=$1 sum=$2 result=0
	shift 2
	loop=$(losetup --find --show "$image") || return 1
	LD_LIBRARY_PATH=/run/dmstack-test/bin /run/dmstack-test/bin/integritysetup open "$@" \
		"$loop" again || return 1
	again_is "$sum" || result=1
	close_again
	return $result
}

build() {
	local verb=$1 name=$2
	shift 2
	dmstack-build "$verb" "$@" "/run/repair/$name/$name.json"
}

# unclean NAME: writes to the open device, and takes the disk as it would be without power.
unclean() {
	local dir=/run/repair/$1 i
	mkdir -p "$dir"
	cp "/run/dmstack.d/$1.json" "$dir/"
	for i in 3 50 51 400 7 50; do
		dd if=/dev/urandom of="/dev/mapper/$1" bs=4096 seek=$i count=2 conv=notrunc,fsync \
			oflag=direct status=none || return 1
	done
	dd if="/dev/disk/by-id/virtio-$1" of="$dir/dirty.img" bs=1M iflag=direct status=none
	cp "$dir/dirty.img" "$dir/$1.data.img"
}

# same_but_journal IMAGE IMAGE: the kernel leaves what it has replayed in a journal that goes on.
same_but_journal() {
	cmp --bytes=4096 "$1" "$2" &&
		cmp --ignore-initial="$(fact tags-offset "$1")" "$1" "$2"
}

fact() {
	dmstack-build inspect "$2" | sed -n "s/^ *$1 *//p"
}

check_journal() {
	local name=$1 dir=/run/repair/$1 sum
	shift
	check "$name: writes without a close" unclean "$name"
	sum=$(sum_of "/dev/mapper/$name")
	check "$name: verify reads what is in the journal" sh -c \
		"dmstack-build verify --no-digest '$dir/$name.json' | grep 'in the journal only'"
	check "$name: extract" build extract "$name" --output "$dir/plain"
	check "$name: extract gives what was written" is "$(sha256sum <"$dir/plain" | cut -d' ' -f1)" "$sum"
	check "$name: neither changed the image" cmp "$dir/dirty.img" "$dir/$name.data.img"
	check "$name: the kernel replays" open_like "$name" "$dir/dirty.img" J
	check "$name: the kernel sees what was written" again_is "$sum"
	check "$name: closes" close_again
	check "$name: repair replays" build repair "$name" --replay --in-place
	check "$name: both replays give the same bytes" same_but_journal "$dir/dirty.img" \
		"$dir/$name.data.img"
	check "$name: the image is sound" build verify "$name"
	check "$name: integritysetup opens it" integritysetup_reads "$dir/$name.data.img" "$sum" "$@"
	rm -rf "$dir"
}

check_bitmap() {
	local dir=/run/repair/bitmap sum
	check "bitmap: writes without a close" unclean bitmap
	sum=$(sum_of /dev/mapper/bitmap)
	refuse "bitmap: verify says that it was not closed" build verify bitmap --no-digest
	check "bitmap: recalculate" build recalculate bitmap --in-place
	check "bitmap: the image is sound" build verify bitmap
	check "bitmap: the kernel opens it" open_like bitmap "$dir/bitmap.data.img" J
	check "bitmap: the kernel sees what was written" again_is "$sum"
	check "bitmap: closes" close_again
	check "bitmap: integritysetup opens it" integritysetup_reads "$dir/bitmap.data.img" "$sum" \
		--integrity sha256
	rm -rf "$dir"
}

# half_recalculated IMAGE: the kernel has got to sector 4096, which is block 512.
half_recalculated() {
	local tags
	tags=$(fact tags-offset "$1")
	dd if=/dev/zero of="$1" bs=32 seek=$((tags / 32 + 512)) count=512 conv=notrunc status=none
	printf '\x1a' | dd of="$1" bs=1 seek=24 conv=notrunc status=none
	printf '\x00\x10' | dd of="$1" bs=1 seek=32 conv=notrunc status=none
	is "$(fact recalculate-sector "$1")" 4096
}

kernel_has_recalculated() {
	local status all
	status=$(dmsetup status again)
	all=$(blockdev --getsz /dev/mapper/again)
	is "${status##* }" "$all"
}

check_recalculate() {
	local dir=/run/repair/recalc sum
	mkdir -p "$dir"
	cp /run/dmstack.d/recalc.json "$dir/"
	sum=$(sum_of /dev/mapper/recalc)
	dd if=/dev/disk/by-id/virtio-recalc of="$dir/recalc.data.img" bs=1M iflag=direct status=none
	check "recalc: is left half way" half_recalculated "$dir/recalc.data.img"
	refuse "recalc: verify says so" build verify recalc --no-digest
	cp "$dir/recalc.data.img" "$dir/kernel.img"
	check "recalc: the kernel goes on" open_like recalc "$dir/kernel.img" J recalculate
	check "recalc: the kernel finishes" wait_until kernel_has_recalculated
	check "recalc: closes" close_again
	check "recalc: recalculate finishes" sh -c "dmstack-build recalculate --in-place --json \
		'$dir/recalc.json' | grep '\"changed-tags\":512.*\"finished\":true'"
	check "recalc: both made the same tags" cmp --ignore-initial=4096 "$dir/kernel.img" \
		"$dir/recalc.data.img"
	check "recalc: the image is what was built" build verify recalc
	check "recalc: integritysetup opens it" integritysetup_reads "$dir/recalc.data.img" "$sum" \
		--integrity sha256
	rm -rf "$dir"
}

guest() {
	local name options folder=/run/dmstack-test/keys
	modprobe loop
	while read -r name options; do
		[ -z "$name" ] || check "$name: starts" systemctl start "dmstack@$name.service"
	done <<<"$repair_rows"
	check_journal plain --integrity sha256
	check_journal small --integrity crc32c
	check_journal keyed --integrity hmac-sha256 --integrity-key-file "$folder/keyed" \
		--integrity-key-size 32 --journal-integrity hmac-sha256 \
		--journal-integrity-key-file "$folder/keyed-mac" --journal-integrity-key-size 32 \
		--journal-crypt cbc-aes --journal-crypt-key-file "$folder/keyed-crypt" \
		--journal-crypt-key-size 16
	check_bitmap
	check_recalculate
	check "no unit failed" no_failed_units
}
