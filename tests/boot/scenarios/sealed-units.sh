# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="fail=poweroff: units, generator and kernel command line cannot open a sealed initrd"
TIMEOUT=300
ROWS=(generator-killed gate-masked fail-masked killed other-root)
ALL_ROWS=(debug-shell output-removed layer-masked watchdogs phase-word off-word emergency rescue break-shell
	environment)

prepare() {
	units=usr/lib/systemd/system
	rows_stack root --fail poweroff --layer verity
}

row_generator_killed() {
	local generator=$work/initrd/usr/lib/systemd/system-generators/dmstack-generator
	END=poweroff SAYS='sealed: the generator left nothing: .*; poweroff follows'
	mkdir -p "$(dirname "$generator")"
	# shellcheck disable=SC2016
	printf '#!/bin/bash\nkill -KILL $$\n' >"$generator"
	chmod 755 "$generator"
}

# early_service COMMAND: runs in the initrd before anything is mounted.
early_service() {
	mkdir -p "$work/initrd/$units/initrd.target.wants"
	printf '[Unit]\nDefaultDependencies=no\nBefore=initrd-root-fs.target\n%s\n' \
		"[Service]
Type=oneshot
ExecStart=$1" >"$work/initrd/$units/row.service"
	ln -sf ../row.service "$work/initrd/$units/initrd.target.wants/row.service"
}

# A file that only the gate reads; the root is up and mounted. The reload before the switch must
# not bring it back, so that the generator is gone, too.
row_output_removed() {
	END=poweroff SAYS='sealed: the generator left nothing: .*; poweroff follows'
	early_service "/bin/rm /run/systemd/generator/dmstack.state /usr/lib/systemd/system-generators/dmstack-generator"
}

row_layer_masked() {
	END=poweroff SAYS='sealed: .*; poweroff follows'
	CMDLINE+=" systemd.mask=dmstack@root.service"
}

row_gate_masked() {
	END=poweroff SAYS='sealed: .*systemd.mask=dmstack-gate.service.*; poweroff follows'
	CMDLINE+=" rd.systemd.mask=dmstack-gate.service"
}

# With the watchdogs off, too, only the shell's own unit is left to refuse.
row_fail_masked() {
	END=poweroff SAYS='sealed: a unit failed, or a shell was asked for; poweroff follows'
	row_without root
	CMDLINE+=" systemd.mask=dmstack-fail.service systemd.service_watchdogs=no"
}

row_watchdogs() {
	END=poweroff SAYS='sealed: .*; poweroff follows'
	row_without root-hash
	CMDLINE+=" systemd.service_watchdogs=no"
}

row_phase_word() {
	END=poweroff
	row_without root
	CMDLINE+=" dmstack.phase=bootstrap rd.dmstack.phase=bootstrap"
}

row_off_word() {
	END=poweroff SAYS='dmstack=no on the kernel command line does not count'
	row_without root
	CMDLINE+=" dmstack=no rd.dmstack=no"
}

row_debug_shell() {
	END=poweroff SAYS='sealed: .*; poweroff follows'
	CMDLINE+=" rd.systemd.debug_shell systemd.debug_shell=1"
}

row_emergency() {
	END=poweroff SAYS='sealed: a unit failed, or a shell was asked for; poweroff follows'
	CMDLINE+=" rd.systemd.unit=emergency.target"
}

row_rescue() {
	END=poweroff SAYS='sealed: .*; poweroff follows'
	CMDLINE+=" rd.systemd.unit=rescue.target"
}

# What dracut does for rd.break: a script starts its unit with the shell.
row_break_shell() {
	END=poweroff SAYS='sealed: a unit failed, or a shell was asked for; poweroff follows'
	early_service "/usr/bin/systemctl --no-block start dracut-emergency.service"
}

row_killed() {
	END=poweroff SAYS='sealed: root: its unit failed; poweroff follows'
	row_kill root
}

# The sealed root is up, but the command line mounts something else.
row_other_root() {
	END=poweroff SAYS='sealed: /sysroot is not mounted from "root"; poweroff follows'
	cp "$work/small.squashfs" "$work/row/other.img"
	DISKS+=("$work/row/other.img:other")
	CMDLINE+=" root=/dev/disk/by-id/virtio-other rootfstype=squashfs"
}

# Generators take such variables from the manager, units of ours do not.
row_environment() {
	END=poweroff SAYS='sealed: .*; poweroff follows'
	CMDLINE+=" systemd.setenv=DMSTACK_CONF=/dev/null systemd.setenv=DMSTACK_MANIFEST_PATH=/none"
}
