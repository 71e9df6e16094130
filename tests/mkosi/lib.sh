# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
# mkosi in a Debian 13 tree, and the disks that it makes under OVMF.

mkosi_packages=(
	mkosi apt debian-archive-keyring systemd systemd-repart systemd-ukify erofs-utils
	dosfstools mtools e2fsprogs zstd cpio kmod openssl util-linux binutils
)
mkosi_hash=$(printf '%s\n' "${mkosi_packages[@]}" | sha256sum)
# mkosi itself runs without privileges: as the owner of the checkout, or if that is root, as some user.
mkosi_user=$(stat -c %u "$source_dir")
[ "$mkosi_user" -ne 0 ] || mkosi_user=1000
mkosi_cache=${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/dmstack/mkosi-${mkosi_hash:0:16}
mkosi_state=$mkosi_cache/state-$mkosi_user

# Lines that no healthy boot prints.
mkosi_forbidden='I/O error|EXT4-fs error|erofs.*(error|corrupt)|verity.*(corrupt|error|fail)|crypt.*(error|fail)|BUG: |Oops|Call Trace|Kernel panic|[Oo]rdering cycle|dmstack.*([Ff]ailed|[Ee]rror)'

# mkosi_ensure: the tree, once for all who run at the same time.
mkosi_ensure() {
	mkdir -p "$mkosi_cache"
	(
		flock 9
		[ -d "$mkosi_cache/tree" ] && exit
		echo "# making the Debian 13 tree of mkosi (once; kept in $mkosi_cache)"
		rm -rf "$mkosi_cache"/tree.*
		debian_make trixie "$mkosi_cache/tree.$$" "$mkosi_cache.log" "${mkosi_packages[@]}" &&
			mkdir "$mkosi_cache/tree.$$"/{source,state,old} &&
			mv "$mkosi_cache/tree.$$" "$mkosi_cache/tree"
	) 9>"$mkosi_cache.lock"
}

# mkosi_sources: the archives that the tree is of, for the images as well. mkosi would add the one of
# debugging symbols, which not every mirror has.
mkosi_sources() {
	local lists=$mkosi_state/sandbox/etc/apt/sources.list.d
	mkdir -p "$lists"
	sed -n 's/\[[^]]*\] *//; s/^deb \([^ ]*\) \([^ ]*\) \(.*\)/Types: deb\nURIs: \1\nSuites: \2\nComponents: \3\nSigned-By: \/usr\/share\/keyrings\/debian-archive-keyring.gpg\n/p' \
		"$mkosi_cache/tree/etc/apt/sources.list" >"$lists/mkosi.sources"
	[ -s "$lists/mkosi.sources" ]
}

# mkosi_enter COMMAND...: as $mkosi_user in the tree, which is the root of a mount namespace of its
# own, with the checkout as /source and what mkosi keeps as /state.
mkosi_enter() {
	unshare --mount --pid --fork --kill-child bash -c '
		set -e
		cd "$1"
		mount --make-rprivate /
		mount --bind tree tree
		mount --rbind "$2" tree/source
		mount --bind "$3" tree/state
		mount -t proc proc tree/proc
		mount -t sysfs -o ro sysfs tree/sys
		mount -t tmpfs -o mode=755 run tree/run
		mount --rbind /dev tree/dev
		cp -L /etc/resolv.conf /etc/hosts tree/etc/
		cd tree
		pivot_root . old
		cd /
		umount -l /old
		user=$4
		shift 4
		exec setpriv --reuid "$user" --regid "$user" --clear-groups --inh-caps=-all \
			env -i PATH=/usr/sbin:/usr/bin USER=mkosi HOME=/state LC_ALL=C.UTF-8 "$@"' \
		bash "$mkosi_cache" "$source_dir" "$mkosi_state" "$mkosi_user" "$@"
}

fail() {
	echo "# $*" >>"$work/verdict"
	return 1
}

# mkosi_build PROFILE: the disk image in $work/disk.raw.
mkosi_build() {
	local state=$mkosi_state
	mkdir -p "$state"/{out,build,cache,packages,workspace}
	mkosi_sources || fail "the tree of mkosi does not say which archives it is of" || return 1
	chown "$mkosi_user:$mkosi_user" "$state" "$state"/*
	(
		flock 9
		mkosi_enter nice mkosi --directory /source/mkosi --profile "$1,test" \
			--output-directory /state/out --build-directory /state/build \
			--cache-directory /state/cache --package-cache-directory /state/packages \
			--workspace-directory /state/workspace --sandbox-tree /state/sandbox \
			--force build \
			>"$work/mkosi.log" 2>&1 </dev/null &&
			mv "$state/out/disk.raw" "$work/disk.raw"
	) 9>"$state.lock" || {
		fail "mkosi did not build the profile $1:"
		tail -n 30 "$work/mkosi.log" | sed 's/^/#   /' >>"$work/verdict"
		return 1
	}
}

# disk_boot ARGUMENT...: boots $work/disk.raw, to its end, with a TPM if TPM is yes.
disk_boot() {
	# shellcheck disable=SC2054
	local timeout=600 rc=0 arguments=(
		-accel tcg -machine q35 -cpu qemu64 -smp 1 -m 1024
		-display none -monitor none -no-reboot -nodefaults -nic none -device virtio-rng-pci
		-drive "if=pflash,unit=0,format=raw,readonly=on,file=$firmware/OVMF_CODE_4M.fd"
		-drive "if=pflash,unit=1,format=raw,file=$work/variables.fd"
		-serial "file:$work/console.log" -serial "file:$work/report.log"
		-drive "file=$work/disk.raw,if=none,id=disk,format=raw,cache=unsafe"
		-device virtio-blk-pci,drive=disk,bootindex=1
	)
	[ -f "$work/variables.fd" ] || cp $firmware/OVMF_VARS_4M.fd "$work/variables.fd"
	if [ "$TPM" = yes ]; then
		vm_tpm_start "$work/tpm"
		# shellcheck disable=SC2054
		arguments+=(
			-chardev "socket,id=tpm-socket,path=$work/tpm/socket"
			-tpmdev emulator,id=tpm,chardev=tpm-socket -device tpm-crb,tpmdev=tpm
		)
	fi
	vm_run "$work" "$timeout" "${arguments[@]}" "$@" || rc=$?
	[ "$TPM" = no ] || vm_tpm_stop "$work/tpm"
	[ $rc -eq 0 ] || fail "qemu ended with $rc (124: after $timeout seconds): $(tail -n 2 "$work/qemu.log")"
}

# disk_change FROM TO: these bytes, which are on the disk once, become others of the same number.
disk_change() {
	python3 - "$work/disk.raw" "$1" "$2" <<-'EOF' || fail "the disk has \"$1\" not just once"
		import mmap, sys
		before, after = (word.encode() for word in sys.argv[2:])
		with open(sys.argv[1], "r+b") as disk, mmap.mmap(disk.fileno(), 0) as data:
		    place = data.find(before)
		    if place < 0 or data.find(before, place + 1) >= 0 or len(before) != len(after):
		        sys.exit(1)
		    data[place:place + len(after)] = after
	EOF
}

# console: what the machine said, without the firmware's and systemd's colours.
console() {
	tr -d '\r' <"$work/console.log" | sed 's/\x1b\[[0-9;?=]*[a-zA-Z]//g'
}

show_console() {
	console | grep -a . | tail -n 25 | sed 's/^/#   console: /' >>"$work/verdict"
	return 1
}

# healthy: the guest reported to the end, nothing is wrong, and nobody complained.
healthy() {
	if ! tr -d '\r' <"$work/report.log" | grep -aqx "done"; then
		fail "the guest did not report to the end"
		show_console
	elif grep -aq '^not ok' "$work/report.log" || ! grep -aq '^ok' "$work/report.log"; then
		tr -d '\r' <"$work/report.log" | sed 's/^#*/# /' >>"$work/verdict"
		return 1
	elif console | grep -aE "$mkosi_forbidden" >"$work/forbidden"; then
		fail "lines on the console that should not be there:"
		sed 's/^/#   /' "$work/forbidden" >>"$work/verdict"
		return 1
	fi
}

# reported LINE: the guest remarked this.
reported() {
	tr -d '\r' <"$work/report.log" | grep -aqx "# $1" || fail "the guest did not report: $1"
}

# says PATTERN: the console has this line, an extended regular expression.
says() {
	console | grep -aqE "$1" || {
		fail "it did not say: $1"
		show_console
	}
}

# ended PATTERN: the machine powered itself off before the root file system took over, and said why.
ended() {
	if grep -aq '^ok\|^not ok' "$work/report.log"; then
		fail "the root file system was booted"
		show_console
	else
		says "$1" && says 'reboot: Power down'
	fi
}

# keys_make: who signs manifests and approves measurements, and the key of the root, in the checkout
# beside mkosi.conf, as README.md there has it.
keys_make() {
	local keys=$source_dir/mkosi/dmstack.keys
	[ -f "$keys/root" ] || {
		mkdir -p "$keys" && chmod 700 "$keys" &&
			openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$keys/policy.key" &&
			openssl req -x509 -nodes -days 3650 -subj "/CN=dmstack" -newkey ec \
				-pkeyopt ec_paramgen_curve:P-256 -keyout "$keys/manifest.key" -out "$keys/manifest.pem" 2>/dev/null &&
			head -c 64 /dev/urandom >"$keys/root" && chmod 600 "$keys"/*
	} || return 1
	chown -R "$mkosi_user" "$keys"
}

profile_defaults() {
	TITLE='' TPM=no
}

profile_run() {
	local name=$1
	profile_defaults
	rm -rf "$work"/{variables.fd,tpm,tpm.own}
	# shellcheck disable=SC1090
	. "$test_dir/profiles/$name.sh"
	if declare -F prepare >/dev/null; then prepare || return 1; fi
	mkosi_build "$name" && boots
}
