# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
# Many short boots of one scenario: the same machine with one thing wrong each time, and how it has
# to end. A scenario of this kind sets ROWS and defines a function row_NAME for each (with "_" for
# "-"), which changes copies of disks and initrd and sets
#	END       panic, verity-panic (the kernel's own), reboot, poweroff, halt, shell or root, if the
#	          root is ready to be switched to; or cut: the power goes, as vm_cut says
#	SAYS      a pattern that one of the lines of the machine has to fit
#	CMDLINE   more words of the kernel command line
#	KEEP      yes: disks and TPM are for the rows behind as this one leaves them
#	MEMORY    used or free: whether the keys of memory_file are in memory when the machine has ended
# A machine with TPM=yes has the same one in each row, as the last row with KEEP left it.
# Only --all-rows does them all: those in ALL_ROWS as well, which are variations.

declare -A rows_end_lines=(
	[panic]='Kernel panic - not syncing: sysrq triggered crash'
	[verity-panic]='Kernel panic - not syncing: dm-verity device'
	[reboot]='reboot: Restarting system'
	[poweroff]='reboot: Power down'
	[halt]='reboot: System halted'
	[shell]='DMSTACK-TEST: a shell was opened'
	[root]='DMSTACK-TEST: the root is ready'
)

# Every road to a shell ends in a line on the console.
rows_mark_shells() {
	local units=$work/initrd/usr/lib/systemd/system unit
	mkdir -p "$units"
	cat >"$work/initrd/usr/lib/systemd/systemd-sulogin-shell" <<-END
		#!/bin/bash
		echo "${rows_end_lines[shell]}" >/dev/console
		sleep 2
		echo b >/proc/sysrq-trigger
	END
	chmod 755 "$work/initrd/usr/lib/systemd/systemd-sulogin-shell"
	for unit in debug-shell dracut-emergency; do
		printf '[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=%s test\n' \
			/usr/lib/systemd/systemd-sulogin-shell >"$units/$unit.service"
	done
}

# rows_mark_root: behind the gate, and before the switch that would need a whole system.
rows_mark_root() {
	local units=$work/initrd/usr/lib/systemd/system
	mkdir -p "$units/initrd-switch-root.target.requires"
	cat >"$units/row-root.service" <<-END
		[Unit]
		DefaultDependencies=no
		Requires=dmstack-gate.service initrd-root-fs.target
		After=dmstack-gate.service initrd-root-fs.target initrd-fs.target initrd-parse-etc.service
		Before=initrd-cleanup.service initrd-switch-root.target initrd-switch-root.service
		[Service]
		Type=oneshot
		ExecStart=/bin/sh -c 'grep dmstack: /proc/keys >/dev/console; echo "${rows_end_lines[root]}" >/dev/console; echo b >/proc/sysrq-trigger; sleep 60'
	END
	ln -sf ../row-root.service "$units/initrd-switch-root.target.requires/"
}

# rows_stack NAME ARGUMENT...: a small root that is enough for an initrd to mount, as a sealed stack.
rows_stack() {
	local name=$1 tree=$work/small-root
	shift
	if [ ! -f "$work/small.squashfs" ]; then
		mkdir -p "$tree"/{etc,proc,sys,dev,run,tmp,usr/lib/systemd}
		cp "$boot_cache/slim/usr/lib/os-release" "$tree/etc/"
		head -c 1M /dev/urandom >"$tree/random"
		mksquashfs "$tree" "$work/small.squashfs" -quiet -no-progress -noappend -comp lz4 \
			-all-time 0 -mkfs-time 0 >/dev/null || return 1
	fi
	stack_create "$work/small.squashfs" "$name" --mount / --phase sealed "$@"
}

# rows_make_anew: what stack_create makes now is for this row alone.
rows_make_anew() {
	DISKS=()
	mv "$work/$NAME" "$work/$NAME.rows"
}

# row_disk SERIAL: the file of this row that is the disk.
row_disk() {
	local disk
	for disk in "${DISKS[@]}"; do
		[ "${disk#*:}" != "$1" ] || echo "${disk%%:*}"
	done
}

# row_take_disk SERIAL: the disk is no longer among those of the machine.
row_take_disk() {
	local disk left=()
	for disk in "${DISKS[@]}"; do [ "${disk#*:}" = "$1" ] || left+=("$disk"); done
	DISKS=("${left[@]}")
}

# row_without SERIAL: the disk is not there, and nobody waits long for it.
row_without() {
	row_impatient
	row_take_disk "$1"
}

# row_kill LAYER: in place of attach its unit runs what is killed at once.
row_kill() {
	local folder=$work/initrd/etc/systemd/system/dmstack@$1.service.d
	mkdir -p "$folder"
	# shellcheck disable=SC2016
	printf '[Service]\nExecStart=\nExecStart=:/bin/sh -c "kill -KILL $$"\n' >"$folder/row.conf"
}

row_impatient() {
	edit_manifest 'for layer in m["layers"]: layer["timeout"] = "3s"'
}

# edit_manifest EXPRESSION: changes the manifest of the initrd as Python sees it, "m".
edit_manifest() {
	python3 -c 'import json, sys
path = sys.argv[1]
m = json.load(open(path))
exec(sys.argv[2])
json.dump(m, open(path, "w"))' "$manifest_place/$NAME.json" "$1"
}

row_judge() {
	local row=$1 other bad=0
	if ! grep -aqF "${rows_end_lines[$END]}" "$work/console.log"; then
		fail "$row: it did not end in $END"
		bad=1
	fi
	for other in "${!rows_end_lines[@]}"; do
		[ "$other" != "$END" ] && [ "$other" != reboot ] || continue
		if grep -aqF "${rows_end_lines[$other]}" "$work/console.log"; then
			fail "$row: $other"
			bad=1
		fi
	done
	if [ "$END" = root ] && grep -aq 'user *dmstack:' "$work/console.log"; then
		fail "$row: keys are in the keyring before the switch of root"
		bad=1
	fi
	if [ -n "$SAYS" ] && ! grep -aqE "$SAYS" "$work/console.log" "$work/journal.log"; then
		fail "$row: no line says $SAYS"
		bad=1
	fi
	if grep -aq 'Switching root' "$work/journal.log" "$work/console.log"; then
		fail "$row: the root was switched to"
		bad=1
	fi
	[ $bad -eq 0 ] || {
		tail -n 25 "$work/console.log" | tr -d '\r' | sed 's/^/#   console: /'
		tail -n 15 "$work/journal.log" | tr -d '\r' | sed 's/^/#   journal: /'
	} >>"$work/verdict"
	return $bad
}

row_memory() {
	local key
	memory_find "$1"
	"memory_is_$MEMORY" "$1" || return 1
	for key in $(cat "$work/secrets") "${memory_keys[@]}"; do
		host "$1: no log has the key $key" python3 "$boot_dir/lib/find-key.py" \
			"$work/keys/$key" "$work/console.log" "$work/journal.log" || return 1
	done
}

row_boot() {
	local row=$1 disk rc=0
	if [ -d "$work/$NAME.rows" ]; then
		rm -rf "${work:?}/$NAME"
		mv "$work/$NAME.rows" "$work/$NAME"
	fi
	rm -rf "$work/initrd" "$work/row"
	cp -a "$work/initrd.rows" "$work/initrd"
	mkdir -p "$work/row"
	DISKS=()
	for disk in "${rows_disks[@]}"; do
		cp --sparse=always "${disk%%:*}" "$work/row/" || return 1
		DISKS+=("$work/row/$(basename "${disk%%:*}"):${disk#*:}")
	done
	if [ "$rows_tpm" = yes ]; then
		rm -rf "$work/tpm"
		cp -a "$work/tpm.rows" "$work/tpm" || return 1
	fi
	CMDLINE=$rows_cmdline TPM=$rows_tpm
	END=panic SAYS="" KEEP=no MEMORY="" vm_cut="" vm_extra=("${rows_extra[@]}")
	"row_${row//-/_}" || fail "$row could not be prepared" || return 1
	images_cpio "$work/initrd" "$work/scenario.cpio"
	cat "$boot_cache/base.cpio" "$boot_work/dmstack.cpio" "$work/scenario.cpio" >"$work/initrd.cpio"
	[ -z "${memory_keys-}" ] || memory_reset
	local vm_end=${rows_end_lines[halt]}
	vm_tpm=$TPM vm_boot "$work" "$work/initrd.cpio" "$(scenario_cmdline)" "$TIMEOUT" "${DISKS[@]}" || rc=$?
	{
		echo "=== $row"
		cat "$work/console.log" "$work/journal.log"
	} >>"$work/rows.log"
	if [ "$END" = cut ]; then
		row_keep
		return
	fi
	row_judge "$row" || return 1
	[ -z "$MEMORY" ] || row_memory "$row" || return 1
	[ $rc -eq 0 ] || fail "$row: qemu ended with $rc: $(tail -n 2 "$work/qemu.log")" || return 1
	[ "$KEEP" = no ] || row_keep
}

row_keep() {
	local disk
	for disk in "${rows_disks[@]}"; do
		cp --sparse=always "$work/row/$(basename "${disk%%:*}")" "${disk%%:*}" || return 1
	done
	[ "$rows_tpm" = yes ] || return 0
	rm -rf "$work/tpm.rows"
	cp -a "$work/tpm" "$work/tpm.rows"
}

# rows_begin: what is there now is what each row begins with.
rows_begin() {
	rows_disks=("${DISKS[@]}") rows_cmdline=$CMDLINE rows_tpm=$TPM rows_extra=("${vm_extra[@]}")
	rows_mark_shells
	rows_mark_root
	mv "$work/initrd" "$work/initrd.rows"
	mkdir -p "$work/tpm.rows"
}

# rows_boot: each row in turn; all of them, so that one run tells everything.
rows_boot() {
	local row bad=0 start
	rows_begin
	[ "$all_rows" = no ] || ROWS+=("${ALL_ROWS[@]}")
	for row in "${ROWS[@]}"; do
		[ -z "${DMSTACK_BOOT_ROWS-}" ] || [[ " $DMSTACK_BOOT_ROWS " = *" $row "* ]] || continue
		start=$SECONDS
		if row_boot "$row"; then
			echo "# $row: $END ($((SECONDS - start)) s)"
		else
			bad=1
			# What follows would be of another machine.
			[ "$KEEP" = no ] || break
		fi
	done
	return $bad
}
