# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
# One scenario, from its file to its verdict. A scenario file sets the variables below and may
# define the functions prepare, before_boot, after_boot, boots (in place of the usual ones) and after
# (run here) and guest (run in the booted system).

# Lines that no healthy boot or poweroff prints.
scenario_forbidden='I/O error|Buffer I/O|EXT4-fs error|EXT4-fs warning|SQUASHFS error|erofs.*(error|corrupt)|mismatch|integrity.*(error|fail)|verity.*(corrupt|error|fail)|crypt.*(error|fail)|Device or resource busy|is in use|Failed to deactivate|Not all (DM|file)|Could not detach|dmstack.*(cannot be unmounted|is left)|Unable to finalize|BUG: |Oops|Call Trace|Kernel panic|[Oo]rdering cycle|dmstack.*([Ff]ailed|[Ee]rror)'

scenario_defaults() {
	TITLE=
	NAME=root
	FS=ext4
	STACK=
	LAYERS=()
	KEYS=()
	MOUNT=/
	HOST_KNOWS=no
	READ_ONLY=no
	BOOTS=1
	CMDLINE=
	DISKS=()
	TIMEOUT=400
	LOGLEVEL=5
	TPM=no
	TYPES=
	FORBID=$scenario_forbidden
	ALLOW='^$'
	EXPECT_EMERGENCY=no
	GUEST_POWEROFF=yes
	ROWS=()
	ALL_ROWS=()
	vm_memory=768
	vm_extra=()
	vm_kernel=
	vm_from_disk=no
	vm_answers=()
	INITRD=
}

fail() {
	echo "# $*" >>"$work/verdict"
	return 1
}

# host NAME COMMAND...: a check on this side.
host() {
	local name=$1
	shift
	if "$@" >"$work/host.out" 2>&1; then
		echo "ok $name" >>"$work/host.log"
		return 0
	fi
	fail "not ok $name"
	sed 's/^/#   /' "$work/host.out" | tail -n 20 >>"$work/verdict"
	return 1
}

# host_has_last NAME FILE KEYS...: what is on the disks of the stack is a clean file system, and the
# file that guest_write_last wrote is in it to the last byte.
host_has_last() {
	local name=$1 file=$2 image=$work/$1-after.ext4
	shift 2
	host "$name is extracted" builder extract "$work/$name/$name.json" "$@" --output "$image" &&
		host "the file system is clean" e2fsck -fn "$image" &&
		host "the file is there" sh -c \
			"[ \$(debugfs -R 'cat $file' '$image' 2>/dev/null | tr -d x | wc -c) = 0 ] &&
			[ \$(debugfs -R 'cat $file' '$image' 2>/dev/null | wc -c) = 1048576 ]"
}

builder() {
	"$boot_build/builder/dmstack-build" "$@"
}

# take_cryptsetup PROGRAM DIR: a program of cryptsetup, of which the guest's tree has the library.
take_cryptsetup() {
	local program library
	program=$(PATH=$PATH:/usr/sbin:/sbin type -P "$1") || {
		fail "there is no $1"
		return 1
	}
	mkdir -p "$2"
	cp "$program" "$2/$1"
	library=$(ldd "$program" | sed -n 's/.*libpopt.so.0 => \([^ ]*\).*/\1/p')
	cp -L "$library" "$2/libpopt.so.0"
}

# in_initrd and in_host say where the keys and manifests made from now on go: into the initrd's
# /usr and /etc, or below /run of the booted system.
in_initrd() {
	key_dir=/etc/dmstack/keys key_place=$work/initrd$key_dir
	manifest_place=$work/initrd/usr/lib/dmstack.d conf_place=$work/initrd/etc
}

in_host() {
	key_dir=/run/dmstack-test/keys key_place=$work/initrd/dmstack-test$key_dir
	manifest_place=$work/initrd/dmstack-test/run/dmstack.d
	conf_place=$work/initrd/dmstack-test/run/dmstack.conf.d
}

# key_make NAME BYTES: random bytes in $work/keys/NAME and in the guest as $key_dir/NAME.
key_make() {
	mkdir -p "$work/keys" "$key_place"
	head -c "$2" /dev/urandom >"$work/keys/$1"
	install -m 600 "$work/keys/$1" "$key_place/$1"
}

# rekey_image IMAGE NAME LINE...: gives the image another key, which is then the one of that name, as the
# machine does on which it is installed. The lines are of dmstack.conf: {data}, tpm2:root.
rekey_image() {
	local image=$1 name=$2
	shift 2
	host "$name is re-keyed" python3 "$boot_dir/../tpm/rekey-image.py" \
		"$boot_build/tests/tpm/dmstack-swtpm" "$image" "$work/keys/$name" "$@" &&
		install -m 600 "$work/keys/$name" "$key_place/$name"
}

# key_arguments NAME...: the options of dmstack-build for these keys, one a line.
key_arguments() {
	local name
	for name in "$@"; do printf '%s\n' --key "file:$key_dir/$name=$work/keys/$name"; done
}

# small_fs FILE MIB: an ext4 with a file of random bytes, for stacks that are not the root.
small_fs() {
	mkdir -p "$work/small-fs"
	[ -f "$work/small-fs/random" ] || head -c "$(($2 * 524288))" /dev/urandom >"$work/small-fs/random"
	truncate -s "$2M" "$1"
	mke2fs -q -t ext4 -b 4096 -m 0 -O ^has_journal -d "$work/small-fs" "$1"
}

# disk_of IMAGE DEVICE: adds the artifact as a disk whose serial is what DEVICE asks for.
disk_of() {
	case $2 in
	ID=virtio-*) DISKS+=("$1:${2#ID=virtio-}") ;;
	*)
		fail "no disk for the device $2"
		return 1
		;;
	esac
}

# stack_create INPUT NAME ARGUMENT...: builds offline into $work/NAME, adds the artifacts to the
# disks and puts the manifest into the guest.
stack_create() {
	local input=$1 name=$2 file device arguments=(--device "data=ID=virtio-$2")
	shift 2
	case "$*" in *verity*) arguments+=(--device "hash=ID=virtio-$name-hash") ;; esac
	host "$name is built" builder create --input "$input" --output "$work/$name" \
		--name "$name" --quiet "${arguments[@]}" "$@" || return 1
	while read -r file device; do
		disk_of "$work/$name/$file" "$device" || return 1
	done < <(python3 "$boot_dir/lib/artifacts.py" files "$work/$name/$name.json")
	mkdir -p "$manifest_place"
	cp "$work/$name/$name.json" "$manifest_place/"
}

# host_knows NAME: the booted system has the manifest, too, so that its generator sees the stack.
host_knows() {
	mkdir -p "$work/initrd/dmstack-test/run/dmstack.d"
	cp "$manifest_place/$1.json" "$work/initrd/dmstack-test/run/dmstack.d/"
}

# prepare_default: the root stack as STACK or LAYERS and KEYS describe it, else a plain root.
prepare_default() {
	local layer key arguments=()
	if [ -z "$STACK" ] && [ ${#LAYERS[@]} -eq 0 ]; then
		cp --sparse=always "$boot_work/root.$FS" "$work/root.img"
		DISKS+=("$work/root.img:root")
		CMDLINE="root=/dev/disk/by-id/virtio-root rootfstype=$FS rw $CMDLINE"
		return 0
	fi
	for key in "${KEYS[@]}"; do
		key_make "${key%%:*}" "${key##*:}"
		mapfile -t -O ${#arguments[@]} arguments < <(key_arguments "${key%%:*}")
	done
	[ -z "$STACK" ] || arguments+=(--stack "$STACK")
	for layer in "${LAYERS[@]}"; do arguments+=(--layer "$layer"); done
	[ -z "$MOUNT" ] || arguments+=(--mount "$MOUNT")
	stack_create "$boot_work/root.$FS" "$NAME" "${arguments[@]}" || return 1
	[ "$HOST_KNOWS" = no ] || host_knows "$NAME"
}

# scenario_run_folder BOOT RUN: what the booted system gets below /run.
scenario_run_folder() {
	local boot=$1 run=$2
	mkdir -p "$run/dmstack-test" "$run/systemd/system/multi-user.target.wants" \
		"$run/systemd/journald.conf.d"
	cp "$boot_dir"/guest/{lib.sh,main,emergency} "$run/dmstack-test/"
	cp "$scenario_file" "$run/dmstack-test/scenario"
	cp "$boot_dir/guest/dmstack-test.service" "$boot_dir/guest/emergency.service" \
		"$run/systemd/system/"
	cp "$boot_dir/guest/initrd/etc/systemd/journald.conf.d/serial.conf" \
		"$run/systemd/journald.conf.d/"
	ln -sf ../dmstack-test.service "$run/systemd/system/multi-user.target.wants/"
	{
		declare -p NAME FS READ_ONLY TYPES EXPECT_EMERGENCY GUEST_POWEROFF
		echo "BOOT=$boot"
		echo "BOOTS=$BOOTS"
		echo "FS_BYTES=$(stat -c %s "$boot_work/root.$FS")"
		echo "FS_SHA256=$(sha256sum <"$boot_work/root.$FS" | cut -d' ' -f1)"
	} >"$run/dmstack-test/settings"
}

# scenario_initrd BOOT: base, dmstack and this scenario's own files, one archive after another.
scenario_initrd() {
	mkdir -p "$work/initrd/usr/lib/systemd/system" "$work/initrd/run"
	scenario_run_folder "$1" "$work/initrd/dmstack-test/run"
	# In the initrd itself only the emergency unit is of use.
	cp "$boot_dir/guest/emergency.service" "$work/initrd/usr/lib/systemd/system/"
	sed -i 's|/run/dmstack-test/emergency|/dmstack-test/run/dmstack-test/emergency|' \
		"$work/initrd/usr/lib/systemd/system/emergency.service"
	mkdir -p "$work/initrd/usr/lib/systemd/system/emergency.service.d"
	printf '[Service]\nExecStartPre=/bin/cp -a /dmstack-test/run/. /run/\n' \
		>"$work/initrd/usr/lib/systemd/system/emergency.service.d/carry.conf"
	images_cpio "$work/initrd" "$work/scenario.cpio"
	if [ -n "$INITRD" ]; then
		# One that another tool made; what carries the scenario into the root is put behind it.
		images_cpio "$boot_dir/guest/initrd" "$work/carry.cpio"
		images_cpio "$boot_dir/guest/initramfs" "$work/carry-2.cpio"
		cp "$INITRD" "$work/initrd.cpio"
		truncate -s %512 "$work/initrd.cpio"
		cat "$work/carry.cpio" "$work/carry-2.cpio" "$work/scenario.cpio" >>"$work/initrd.cpio"
		return
	fi
	cat "$boot_cache/base.cpio" "$boot_work/dmstack.cpio" "$work/scenario.cpio" >"$work/initrd.cpio"
}

scenario_cmdline() {
	echo "console=ttyS0 panic=-1 oops=panic loglevel=$LOGLEVEL printk.devkmsg=on mitigations=off" \
		"no_timer_check" \
		"systemd.show_status=0 systemd.gpt_auto=0 systemd.default_device_timeout_sec=120" \
		"$CMDLINE"
}

# scenario_judge: the verdict on one boot, from its three serial lines.
scenario_judge() {
	local bad=0
	if ! grep -aqx 'done.\?' "$work/report.log"; then
		fail "the guest did not report to the end"
		tail -n 15 "$work/console.log" | tr -d '\r' | sed 's/^/#   console: /' >>"$work/verdict"
		bad=1
	fi
	if grep -aq '^not ok' "$work/report.log"; then
		tr -d '\r' <"$work/report.log" | grep -a -A 20 '^not ok' | head -n 60 |
			sed 's/^#*/# /' >>"$work/verdict"
		bad=1
	fi
	if ! grep -aq '^ok' "$work/report.log"; then
		fail "no check was made in the guest"
		bad=1
	fi
	if tr -d '\r' <"$work/console.log" | grep -aE "$FORBID" | grep -avE "$ALLOW" >"$work/forbidden"; then
		fail "lines on the console that should not be there:"
		sed 's/^/#   /' "$work/forbidden" | head -n 20 >>"$work/verdict"
		bad=1
	fi
	if tr -d '\r' <"$work/journal.log" | grep -aE "$FORBID" | grep -avE "$ALLOW" >"$work/forbidden"; then
		fail "lines in the journal that should not be there:"
		sed 's/^/#   /' "$work/forbidden" | head -n 20 >>"$work/verdict"
		bad=1
	fi
	return $bad
}

scenario_disk_sums() {
	local disk
	for disk in "${DISKS[@]}"; do sha256sum "${disk%%:*}"; done
}

scenario_boots() {
	local boot rc
	for ((boot = 1; boot <= BOOTS; boot++)); do
		if declare -F before_boot >/dev/null; then before_boot "$boot" || return 1; fi
		scenario_initrd "$boot"
		[ "$READ_ONLY" = no ] || scenario_disk_sums >"$work/sums.before"
		head -c 4096 "${DISKS[0]%%:*}" >"$work/head.before"
		rc=0
		vm_tpm=$TPM vm_boot "$work" "$work/initrd.cpio" "$(scenario_cmdline)" "$TIMEOUT" \
			"${DISKS[@]}" || rc=$?
		cat "$work/journal.log" >>"$work/journal-all.log"
		cat "$work/report.log" >>"$work/report-all.log"
		[ $rc -ne 124 ] || fail "boot $boot: no end within $TIMEOUT seconds"
		scenario_judge || return 1
		[ $rc -eq 0 ] || fail "boot $boot: qemu ended with $rc: $(tail -n 2 "$work/qemu.log")" || return 1
		if [ "$READ_ONLY" = yes ]; then
			scenario_disk_sums >"$work/sums.after"
			host "boot $boot left the disks as they were" \
				diff "$work/sums.before" "$work/sums.after" || return 1
		fi
		# Through crypt, too, the same superblock of dm-integrity gives the same bytes.
		case $TYPES in
		*integrity*)
			host "boot $boot left the superblock of dm-integrity as it was" \
				cmp --bytes=4096 "$work/head.before" "${DISKS[0]%%:*}" || return 1
			;;
		esac
		if declare -F after_boot >/dev/null; then
			after_boot "$boot" || return 1
		fi
	done
}

# scenario_run FILE WORK: runs in a process of its own. Leaves WORK/verdict and WORK/seconds;
# returns 0 passed, 1 failed, 77 skipped.
scenario_run() {
	scenario_file=$1 work=$2
	mkdir -p "$work/initrd"
	: >"$work/verdict"
	in_initrd
	scenario_defaults
	# shellcheck disable=SC1090
	. "$scenario_file"
	if declare -F requires >/dev/null && ! requires; then
		return 77
	fi
	if declare -F prepare >/dev/null; then
		prepare || return 1
	else
		prepare_default || return 1
	fi
	if declare -F boots >/dev/null; then
		boots || return 1
	elif [ ${#ROWS[@]} -gt 0 ]; then
		rows_boot || return 1
	else
		scenario_boots || return 1
	fi
	if declare -F after >/dev/null; then
		after || return 1
	fi
	return 0
}
