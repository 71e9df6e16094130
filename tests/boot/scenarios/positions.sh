# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="a byte flipped anywhere in a sealed stack is refused, or an error, or nothing that is read"
# Of each stack. The long form: DMSTACK_POSITIONS=300.
: "${DMSTACK_POSITIONS:=12}"
FORBID='BUG: |Oops|Call Trace|Kernel panic|[Oo]rdering cycle'
TIMEOUT=$((400 + DMSTACK_POSITIONS * 10))

prepare() {
	local keys run=$work/initrd/dmstack-test/run seed
	prepare_default
	in_host
	key_make data 64
	key_make tags 32
	key_make journal 32
	mapfile -t keys < <(key_arguments data tags journal)
	small_fs "$work/data.ext4" 1
	local tags="integrity,integrity-algorithm=hmac-sha256,sector-size=4096,key=file:$key_dir/tags,journal-integrity=hmac-sha256,journal-integrity-key=file:$key_dir/journal"
	local crypt="crypt,key=file:$key_dir/data,sector-size=4096"
	stack_create "$work/data.ext4" tree --phase sealed "${keys[@]}" --layer "$tags,name=tree-tags" \
		--layer "$crypt,name=tree-crypt" --layer verity,noauto || return 1
	stack_create "$work/data.ext4" tags --phase sealed "${keys[@]}" --layer "$tags,name=tags-tags" \
		--layer "$crypt,noauto" || return 1
	# Not where the generator looks: no unit of theirs may fail, which would end the machine.
	mv "$manifest_place" "$run/cases"
	# Unsigned manifests are not believed outside of an initrd.
	openssl req -x509 -nodes -days 2 -subj /CN=ours -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
		-keyout "$work/ours.key" -out "$work/ours.pem" 2>/dev/null || return 1
	mkdir -p "$run/dmstack/keys.d"
	cp "$work/ours.pem" "$run/dmstack/keys.d/"
	seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
	echo "# seed $seed" >>"$work/host.log"
	for name in tree tags; do
		host "$name is signed" builder sign --quiet --private-key "$work/ours.key" \
			--certificate "$work/ours.pem" "$run/cases/$name.json" || return 1
		python3 "$boot_dir/lib/positions.py" "$work/$name/$name.json" "$DMSTACK_POSITIONS" \
			"$seed-$name" >"$run/$name.positions" || return 1
	done
}

# flip DEVICE OFFSET
flip() {
	local byte
	byte=$(od -An -j "$2" -N 1 -tu1 "$1") || return 1
	printf "\\x$(printf %x $((byte ^ 16)))" |
		dd of="$1" bs=1 seek="$2" conv=notrunc,fsync status=none
}

# look NAME: what becomes of the stack: refused, error, same or changed.
look() {
	local sum outcome
	if ! timeout 30 dmstack attach "$1" >/run/look.log 2>&1; then
		outcome=refused
	elif ! sum=$(set -o pipefail && dd if=/dev/mapper/"$1" bs=1M iflag=direct status=none \
		2>>/run/look.log | sha256sum); then
		outcome=error
	elif [ "$sum" = "$2" ]; then
		outcome=same
	else
		outcome=changed
	fi
	dmstack detach --stack "$1" >>/run/look.log 2>&1 || outcome="$outcome-and-stays"
	[ -z "$(dmsetup ls | grep "^$1")" ] || outcome="$outcome-and-stays"
	echo "$outcome"
}

# positions NAME: flips every position in turn, and puts all images back after each.
positions() {
	local name=$1 device offset sum outcome disk
	local -A count=()
	for disk in /dev/disk/by-id/virtio-"$name"*; do cp --sparse=never "$disk" "/run/${disk##*/}"; done
	check "$name: comes up" dmstack attach "$name" || return
	sum=$(dd if=/dev/mapper/"$name" bs=1M iflag=direct status=none | sha256sum)
	check "$name: goes" dmstack detach --stack "$name"
	while read -r device offset; do
		for disk in /dev/disk/by-id/virtio-"$name"*; do
			dd if="/run/${disk##*/}" of="$disk" bs=1M conv=fsync status=none
		done
		flip "/dev/disk/by-id/$device" "$offset" || say "not ok $name: byte $offset is flipped"
		outcome=$(look "$name" "$sum")
		((count[$outcome]++))
		case $outcome in
		refused | error | same) ;;
		*)
			say "not ok $name: byte $offset of $device: $outcome"
			show cat /run/look.log
			;;
		esac
	done </run/"$name".positions
	say "# $name: $(declare -p count)"
	check "$name: most of them are noticed" [ $((count[refused] + count[error])) -ge \
		"$((${count[same]:-0}))" ]
	for disk in /dev/disk/by-id/virtio-"$name"*; do
		dd if="/run/${disk##*/}" of="$disk" bs=1M conv=fsync status=none
	done
	check "$name: and without a flipped byte it comes up again" dmstack attach "$name"
	check "$name: and goes again" dmstack detach --stack "$name"
}

guest() {
	export DMSTACK_CONF=/dev/null DMSTACK_MANIFEST_PATH=/run/cases
	positions tree
	positions tags
}
