# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2153,SC2154
# What a scenario can use inside the guest. Each line on the second serial port is a result.
export PATH=/usr/sbin:/usr/bin
report=/dev/ttyS1

say() {
	printf '%s\n' "$*" >$report
}

# show COMMAND...: its output as remarks.
show() {
	say "# $*"
	"$@" 2>&1 | while IFS= read -r line; do say "#   $line"; done
}

# check NAME COMMAND...: passes when COMMAND succeeds; refuse NAME COMMAND... when it fails.
check() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1); then
		say "ok $name"
		return 0
	fi
	say "not ok $name"
	printf '%s\n' "$*" "$output" | tail -n 20 | while IFS= read -r line; do say "#   $line"; done
	return 1
}

refuse() {
	local name=$1 output
	shift
	if ! output=$("$@" 2>&1); then
		say "ok $name"
		return 0
	fi
	say "not ok $name"
	printf '%s\n' "$*" "$output" | tail -n 20 | while IFS= read -r line; do say "#   $line"; done
	return 1
}

# wait_until COMMAND...: succeeds as soon as COMMAND does, within half a minute.
wait_until() {
	local i
	for ((i = 0; i < 60; i++)); do
		"$@" && return 0
		sleep 0.5
	done
	return 1
}

is() {
	[ "$1" = "$2" ] || {
		echo "is '$1', should be '$2'"
		return 1
	}
}

# reads_as DEVICE SHA256 BYTES: the first BYTES of DEVICE have this digest and the rest can be read.
# Directly, since a mounted file system changes its superblock in the page cache.
reads_as() {
	local sum
	set -o pipefail
	sum=$(dd if="$1" bs=1M iflag=direct status=none | {
		head -c "$3" | sha256sum
		cat >/dev/null
	}) || return 1
	is "${sum%% *}" "$2"
}

reads_whole() {
	dd if="$1" of=/dev/null bs=1M iflag=direct status=none
}

# fails_to_read DEVICE BLOCK: the 4096-byte block gives an error of the data path, and no byte.
fails_to_read() {
	local output bytes
	echo 3 >/proc/sys/vm/drop_caches
	output=$(dd if="$1" of=/run/dmstack-test/block bs=4096 count=1 skip="$2" status=none 2>&1) && {
		echo "block $2 of $1 was read"
		return 1
	}
	bytes=$(stat -c %s /run/dmstack-test/block)
	[ "$bytes" -eq 0 ] || {
		echo "$bytes bytes of block $2 of $1 were read"
		return 1
	}
	case $output in
	*"Input/output error"* | *"Invalid or incomplete multibyte"*) ;;
	*)
		echo "another error: $output"
		return 1
		;;
	esac
}

root_is() {
	is "$(findmnt -n -o SOURCE /)" "$1"
}

# no_mismatch: no dm-integrity counted a mismatch or recalculates, no dm-verity saw corruption.
no_mismatch() {
	local line bad=0
	while read -r line; do
		# shellcheck disable=SC2086
		set -- $line
		case $4 in
		integrity) [ "$5" = 0 ] && [ "$7" = - ] || bad=1 ;;
		verity) [ "$5" = V ] || bad=1 ;;
		esac
		[ $bad = 0 ] || {
			echo "status: $line"
			return 1
		}
	done < <(dmsetup status)
}

# types_are TYPE...: the targets from the device of the root downwards, top first.
types_below() {
	local device=$1 types=() below
	while :; do
		case $device in dm-*) ;; *) break ;; esac
		types+=("$(dmsetup table "/dev/$device" | cut -d' ' -f3 | sort -u | tr '\n' ' ' | sed 's/ $//')")
		below=$(find "/sys/block/$device/slaves" -mindepth 1 -printf '%f\n' | sort)
		# Of several devices below, only a mapping leads further down.
		device=$(printf '%s\n' "$below" | grep '^dm-' | head -n 1)
	done
	echo "${types[*]}"
}

no_failed_units() {
	local failed
	failed=$(systemctl --failed --no-legend --plain)
	[ -z "$failed" ] || {
		echo "$failed"
		return 1
	}
}

# check_root NAME TYPES: what holds for every root on a stack.
check_root() {
	check "the root is on /dev/mapper/$1" root_is "/dev/mapper/$1"
	check "the layers are $2" is "$(types_below "$(basename "$(realpath "/dev/mapper/$1")")")" "$2"
	check "no unit failed" no_failed_units
}

# guest_writable: a root that can be written to; what the first boot writes the second must find.
guest_writable() {
	check_root "$NAME" "$TYPES"
	if [ "$BOOT" = 1 ]; then
		check "a file is written" sh -c \
			'head -c 2M /dev/urandom >/srv/kept && sha256sum /srv/kept >/srv/kept.sum && sync'
	else
		check "the file of the first boot is there" sha256sum -c /srv/kept.sum
	fi
	# The last boot also reads what the first wrote and closed.
	[ "$BOOT" -lt "$BOOTS" ] ||
		check "the whole device can be read" reads_whole "/dev/mapper/$NAME"
	check "no layer counts a mismatch" no_mismatch
}

# guest_read_only: a root that is the image it was made from, byte for byte, and stays so.
guest_read_only() {
	check_root "$NAME" "$TYPES"
	check "the whole device is the file-system image" \
		reads_as "/dev/mapper/$NAME" "$FS_SHA256" "$FS_BYTES"
	refuse "the root cannot be written to" touch /srv/kept
	check "no layer counts a mismatch" no_mismatch
}

# guest_write_last FILE: what is not on the disk yet when the machine ends; see host_has_last.
guest_write_last() {
	check "a file is written and not synchronized" sh -c "head -c 1M /dev/zero | tr '\\0' x >'$1'"
}

# guest_read_only_var: the root cannot be written to, /var on its own layer can and is kept.
guest_read_only_var() {
	check_root "$NAME" "$TYPES"
	refuse "the root cannot be written to" touch /srv/kept
	check "/var is on its own layer" is "$(findmnt -n -o SOURCE /var)" /dev/mapper/var
	if [ "$BOOT" = 1 ]; then
		check "a file is written to /var" sh -c 'date >/var/kept && sync'
	else
		check "the file of the first boot is there" test -s /var/kept
	fi
}

# guest_upgrade: the first boot installs a kernel as a user does; the second has to run on it, with the
# initrd that the package's own scripts had built.
guest_upgrade() {
	local package version
	package=$(echo /var/cache/dmstack-test/linux-image-*.deb)
	version=${package##*/linux-image-} version=${version%%_*}
	check_root "$NAME" "$TYPES"
	if [ "$BOOT" != 1 ]; then
		check "the new kernel runs" is "$(uname -r)" "$version"
		check "its package is installed" dpkg-query -s "linux-image-$version"
		check "the whole device can be read" reads_whole "/dev/mapper/$NAME"
		check "no layer counts a mismatch" no_mismatch
		return
	fi
	refuse "another kernel runs" is "$(uname -r)" "$version"
	check "the manifest is installed" install -D -m 644 "/run/dmstack.d/$NAME.json" "/etc/dmstack.d/$NAME.json"
	refuse "there is no initrd for the new kernel" test -e "/boot/initrd.img-$version"
	check "the kernel's package is installed" env DEBIAN_FRONTEND=noninteractive dpkg -i "$package"
	check "there is an initrd for it" test -s "/boot/initrd.img-$version"
	check "it is written" sync
}

# memory_look: the test looks into the memory of this machine now (tests/boot/lib/memory.sh).
memory_look() {
	say "# look into the memory"
	check "the memory was looked into" wait_until memory_was_seen
}

memory_was_seen() {
	[ "$(dd if=/dev/disk/by-id/virtio-signal bs=512 count=1 iflag=direct status=none | head -c 4)" = seen ]
}

# guest_recipe: on the disk that the recipe begins with, types it in; on the one that it made, checks.
guest_recipe() {
	local boots
	case $(realpath "$(findmnt -n -o SOURCE /)") in
	/dev/vd*)
		# Who asks for a passphrase does so on the terminal that it was started from.
		check "the recipe works" sh -c "bash /run/dmstack-test/recipe >/dev/ttyS0 2>&1"
		return
		;;
	esac
	boots=$(cat /srv/boots 2>/dev/null || echo 0)
	BOOT=$((boots + 1))
	echo "$BOOT" >/srv/boots
	check_root "$NAME" "$1"
	check "the whole device can be read" reads_whole "/dev/mapper/$NAME"
	check "no layer counts a mismatch" no_mismatch
	check "the system is the one that moved" test -s /usr/lib/dmstack-test/recipe
	sync
}
