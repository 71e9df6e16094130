# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="a flipped bit is an error in the booted kernel and for verify, never data"
FORBID='BUG: |Oops|Call Trace|Kernel panic|[Oo]rdering cycle'

# damaged NAME KIND ARGUMENT...: a small stack, one bit of which is flipped after it was built.
damaged() {
	local name=$1 kind=$2 image block option=()
	shift 2
	mapfile -t keys < <(key_arguments data)
	case "$*" in *crypt*) option=("${keys[@]}") ;; esac
	stack_create "$work/data.ext4" "$name" "$@" "${option[@]}" || return 1
	image=$work/$name/$name.data.img
	block=
	case $kind in
	data | integrity-tag)
		block=$(python3 "$boot_dir/lib/flip.py" "$kind" "$image" "$work/data.ext4")
		;;
	verity-digest)
		image=$work/$name/$name.hash.img
		block=$(python3 "$boot_dir/lib/flip.py" "$kind" "$image" "$work/data.ext4" \
			"$(python3 "$boot_dir/lib/artifacts.py" field "$work/$name/$name.json" verity salt)")
		;;
	byte-*) python3 "$boot_dir/lib/flip.py" byte "$image" "${kind#byte-}" ;;
	hash-byte-*)
		python3 "$boot_dir/lib/flip.py" byte "$work/$name/$name.hash.img" \
			"${kind#hash-byte-}"
		;;
	esac || {
		fail "$name: nothing was flipped"
		return 1
	}
	mkdir -p "$work/initrd/dmstack-test/run/dmstack-test"
	echo "$block" >"$work/initrd/dmstack-test/run/dmstack-test/$name.block"
	if builder verify --no-digest "$work/$name/$name.json" "${option[@]}" \
		>"$work/verify.log" 2>&1; then
		fail "dmstack-build verify did not see the damage of $name"
		return 1
	fi
}

prepare() {
	local option=(--layer-option)
	prepare_default
	in_host
	key_make data 64
	small_fs "$work/data.ext4" 4
	# A superblock of dm-integrity: byte 10 is in the tag size. Of dm-verity: byte 32 in the name.
	damaged idata data --stack integrity-only "${option[@]}" idata.noauto &&
		damaged itag integrity-tag --stack integrity-only "${option[@]}" itag.noauto &&
		damaged isb byte-10 --stack integrity-only "${option[@]}" isb.noauto &&
		damaged vdata data --stack verity-only "${option[@]}" vdata.noauto &&
		damaged vtree verity-digest --stack verity-only "${option[@]}" vtree.noauto &&
		damaged vsb hash-byte-32 --stack verity-only "${option[@]}" vsb.noauto &&
		damaged deep byte--65536 --stack integrity-then-crypt "${option[@]}" deep.noauto \
			"${option[@]}" deep-integrity.noauto
}

guest() {
	local name block
	for name in idata itag vdata vtree; do
		block=$(cat /run/dmstack-test/$name.block)
		check "$name: starts" systemctl start dmstack@$name.service
		check "$name: block $block is an error" fails_to_read /dev/mapper/$name "$block"
		check "$name: other blocks are data" dd if=/dev/mapper/$name of=/dev/null bs=4096 \
			count=64 status=none
	done
	check "deep: starts" systemctl start dmstack@deep.service
	refuse "deep: reading it whole fails" reads_whole /dev/mapper/deep
	for name in isb vsb; do
		refuse "$name: is refused" systemctl start dmstack@$name.service
		refuse "$name: has no device" test -e /dev/mapper/$name
	done
}
