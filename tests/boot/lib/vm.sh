# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
# One emulated machine: QEMU under TCG with three serial lines (kernel console, report of the
# scenario, journal), disks from raw files, and a software TPM when it is asked for.

vm_panics_allowed=3

# vm_tpm_start DIR: starts a TPM whose state lives in DIR; vm_tpm_stop DIR ends it.
vm_tpm_start() {
	local dir
	dir=$(realpath "$1")
	mkdir -p "$dir/state"
	swtpm socket --tpm2 --tpmstate "dir=$dir/state" --ctrl "type=unixio,path=$dir/socket" \
		--daemon --pid "file=$dir/pid" --log "file=$dir/log"
}

vm_tpm_stop() {
	local dir=$1 pid
	[ -s "$dir/pid" ] || return 0
	pid=$(cat "$dir/pid")
	if [ -e "/proc/$pid" ] && grep -q swtpm "/proc/$pid/comm" 2>/dev/null; then
		kill "$pid" || :
	fi
	rm -f "$dir/pid"
}

# vm_disk_arguments DISK...: a DISK is FILE or FILE:SERIAL[:ro]; the guest finds it as
# /dev/disk/by-id/virtio-SERIAL. Fills the array vm_arguments.
vm_disk_arguments() {
	local disk file serial mode index=0
	for disk in "$@"; do
		IFS=: read -r file serial mode <<<"$disk"
		vm_arguments+=(
			-drive "file=$file,if=none,id=disk$index,format=raw,cache=unsafe,read-only=$([ "$mode" = ro ] && echo on || echo off)"
			-device "virtio-blk-pci,drive=disk$index,serial=${serial:-disk$index}"
		)
		index=$((index + 1))
	done
}

# vm_serial_arguments DIR: console, report and journal. Fills the array vm_arguments.
vm_serial_arguments() {
	local dir
	dir=$(realpath "$1")
	if [ ${#vm_answers[@]} -eq 0 ]; then
		vm_arguments+=(-serial "file:$dir/console.log")
	else
		rm -f "$dir/console.socket"
		# QEMU starts the machine when somebody has connected, and who that is ends with it.
		python3 "$boot_dir/lib/answer.py" "$dir/console.socket" "${vm_answers[@]}" \
			>>"$dir/answers.log" 2>&1 &
		# shellcheck disable=SC2054
		vm_arguments+=(
			-chardev "socket,id=console,path=$dir/console.socket,server=on,wait=on,logfile=$dir/console.log"
			-serial chardev:console
		)
	fi
	vm_arguments+=(-serial "file:$dir/report.log" -serial "file:$dir/journal.log")
}

# vm_panicked_early LOG: the kernel gave up before it started init. Emulated machines do so now
# and then, with code that has nothing to do with us; anything later is a result.
vm_panicked_early() {
	grep -aq 'Kernel panic\|BUG: \|Oops' "$1" &&
		! grep -aq 'Run /init as init process\|sysrq triggered crash\|dm-verity device' "$1"
}

# vm_run DIR TIMEOUT ARGUMENT...: QEMU with these arguments until it ends, or until the console says
# vm_end (a pattern, may be empty): a halted machine does not end by itself. Or until vm_cut, which is a
# disk and two numbers for tests/boot/lib/cut.py, takes the power away; vm_was_cut says whether it did.
vm_run() {
	local dir=$1 timeout=$2 pid rc=0 disk writes pause qemu
	shift 2
	rm -f "$dir"/{console,report,journal}.log
	timeout --foreground -k 5 "$timeout" qemu-system-x86_64 "$@" </dev/null >"$dir/qemu.log" 2>&1 &
	pid=$!
	if [ -n "${vm_cut-}" ]; then
		read -r disk writes pause <<<"$vm_cut"
		while ! qemu=$(pgrep -P $pid) && kill -0 $pid; do sleep 0.1; done
		vm_was_cut=$(python3 "$boot_dir/lib/cut.py" "$qemu" "$(cat "$dir/tpm/pid")" \
			"$dir/journal.log" "$disk" "$dir/tpm/state/tpm2-00.permall" "$writes" "$pause")
		# The shell would tell of the kill.
		wait $pid 2>/dev/null
		return 0
	fi
	while [ -n "${vm_end-}" ] && kill -0 $pid 2>/dev/null; do
		if grep -aqE "$vm_end" "$dir/console.log" 2>/dev/null; then
			# What comes right behind it is of interest, too.
			sleep 1
			kill $pid
			wait $pid
			return 0
		fi
		sleep 0.2
	done
	wait $pid || rc=$?
	return $rc
}

# vm_boot DIR INITRD CMDLINE TIMEOUT DISK...: boots once, waits for the end. DIR receives
# console.log, report.log and journal.log. Returns 124 after a timeout.
# Reads vm_memory, vm_extra (array), vm_end, vm_cut and vm_tpm (yes or no); vm_from_disk=yes leaves
# kernel and initrd to the first disk; vm_answers (array) are what answer.py types at the console. The
# plain CPU is on purpose: emulated AES and AVX instructions are three times slower than the kernel's C
# code on it.
vm_boot() {
	local dir=$1 initrd=$2 cmdline=$3 timeout=$4 try rc
	shift 4
	for ((try = 1; ; try++)); do
		local vm_arguments=(
			-accel tcg -cpu "${DMSTACK_BOOT_CPU:-qemu64}" -smp 1 -m "${vm_memory:-768}"
			-display none -monitor none -no-reboot -nodefaults -nic none
			-device virtio-rng-pci
		)
		vm_serial_arguments "$dir"
		[ "${vm_from_disk:-no}" = yes ] || vm_arguments+=(
			-kernel "${vm_kernel:-$boot_cache/vmlinuz}" -initrd "$initrd" -append "$cmdline"
		)
		vm_disk_arguments "$@"
		if [ "${vm_tpm:-no}" = yes ]; then
			vm_tpm_start "$dir/tpm"
			# shellcheck disable=SC2054
			vm_arguments+=(
				-chardev "socket,id=tpm-socket,path=$(realpath "$dir")/tpm/socket"
				-tpmdev emulator,id=tpm,chardev=tpm-socket
				-device tpm-crb,tpmdev=tpm
			)
		fi
		rc=0
		vm_run "$dir" "$timeout" "${vm_arguments[@]}" "${vm_extra[@]}" || rc=$?
		[ "${vm_tpm:-no}" = no ] || vm_tpm_stop "$dir/tpm"
		[ "$try" -lt $vm_panics_allowed ] || break
		vm_panicked_early "$dir/console.log" || break
		echo "# the kernel panicked before init (emulation); this boot is repeated"
		cp "$dir/console.log" "$dir/console-panic-$try.log"
	done
	return $rc
}
