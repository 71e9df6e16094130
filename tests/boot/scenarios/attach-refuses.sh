# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="attach refuses what is not the plan, takes back what it made, and leaves no key"
FORBID='BUG: |Oops|Call Trace|Kernel panic|[Oo]rdering cycle'

prepare() {
	prepare_default
	in_host
	key_make data 64
	key_make tags 32
	small_fs "$work/data.ext4" 4
	mapfile -t keys < <(key_arguments data tags)
	stack_create "$work/data.ext4" data \
		--layer "integrity,name=tags,integrity-algorithm=hmac-sha256,sector-size=4096,key=file:$key_dir/tags,journal-integrity=none,noauto" \
		--layer "crypt,key=file:$key_dir/data,noauto" "${keys[@]}"
	mkdir -p "$conf_place"
	{
		for kind in good zeroed grown recalculating dirty; do
			echo "$kind integrity /run/copies/$kind file:$key_dir/tags" \
				"integrity-algorithm=hmac-sha256,sector-size=4096,noauto"
		done
		echo "short crypt /run/copies/good file:$key_dir/tags cipher=aes-xts-plain64,size=512,noauto"
		echo "keyless crypt good file:$key_dir/none cipher=aes-xts-plain64,size=512,sector-size=4096,noauto"
		echo "late linear PARTLABEL=late - timeout=2s,noauto"
		echo "missing linear good - device-size=1T,noauto"
	} >"$conf_place/copies.conf"
}

# copy NAME: the disk as a file, to be damaged.
copy() {
	mkdir -p /run/copies
	cp "/dev/disk/by-id/virtio-data" "/run/copies/$1"
}

# flag NAME BYTE: sets the flags of the superblock, byte 24 of it.
flag() {
	# shellcheck disable=SC2059
	printf "$2" | dd of="/run/copies/$1" bs=1 seek=24 conv=notrunc status=none
}

# refuse_saying NAME WORDS: attach fails, says so, and nothing is left.
refuse_saying() {
	local said
	if said=$(timeout 30 dmstack attach "$1" 2>&1); then
		say "not ok $1 is refused"
		return 1
	fi
	case $said in
	*"$2"*) say "ok $1 is refused: $said" ;;
	*)
		say "not ok $1 is refused for the right reason"
		say "#   $said"
		;;
	esac
	check "$1: nothing is left" is "$(dmsetup ls)" "No devices found"
	check "$1: no loop device is left" is "$(losetup -a)" ""
}

guest() {
	local kind flags
	for kind in good zeroed grown recalculating dirty; do copy $kind; done
	flags=$(od -An -tu1 -j24 -N1 /run/copies/good)
	dd if=/dev/zero of=/run/copies/zeroed bs=1M count=1 conv=notrunc status=none
	truncate -s +1M /run/copies/grown
	flag recalculating "\\$(printf %o $((flags | 2)))"
	flag dirty "\\$(printf %o $((flags | 4)))"

	refuse_saying zeroed "would format the device"
	refuse_saying grown "exactly the size"
	refuse_saying recalculating "accept any data"
	refuse_saying dirty "dirty bitmap"
	refuse_saying short "32 bytes where 64 are needed"
	refuse_saying keyless "cannot open the key file"
	refuse_saying late "did not appear within 2 s"
	refuse_saying missing "sectors are wanted"

	check "the stack comes up" dmstack attach data
	check "and again" dmstack attach data
	check "it is as configured" is "$(dmstack status data | grep -c 'as configured')" 2
	refuse "no key is in the kernel keyring" grep dmstack /proc/keys
	refuse "the table of crypt has no key in it" sh -c \
		"dmsetup table --showkeys data | grep -E '[0-9a-f]{32}'"
	refuse "a layer below is not detached" dmstack detach tags
	check "the message says by whom" sh -c 'dmstack detach tags 2>&1 | grep "mapping \"data\""'
	check "the layer below has no links by its content" is \
		"$(find -L /dev/disk -samefile "/dev/$(basename "$(realpath /dev/mapper/tags)")")" ""

	dmsetup suspend data
	refuse "a suspended mapping is no success" dmstack attach data
	dmsetup resume data
	dmsetup load data --table "0 $(blockdev --getsz /dev/mapper/data) linear /dev/mapper/tags 0"
	dmsetup resume data
	refuse "another table under our UUID is no success" dmstack attach data
	check "status says so" sh -c 'dmstack status data | grep -q "target \"linear\" where \"crypt\""'
	check "detach --stack takes all of it down" dmstack detach --stack data
	check "nothing is left" is "$(dmsetup ls)" "No devices found"

	dmsetup create tags --table "0 8 error"
	refuse "a foreign mapping of the name is no success" dmstack attach data
	refuse "it is not detached either" dmstack detach tags
	dmsetup remove tags
	dmsetup create tags --notable --uuid integrity-dmstack-tags
	check "what a killed attach left is replaced" dmstack attach data
	check "and works" reads_whole /dev/mapper/data

	sleep 100 9</dev/mapper/data &
	refuse "an open device is not detached" dmstack detach data
	kill $!
	wait $! 2>/dev/null
	check "a closed one is" dmstack detach --stack data
	check "no mapping is left" is "$(dmsetup ls)" "No devices found"
}
