# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="root and data on stacks end cleanly beside lvm2's blk-availability.service"
STACK=integrity-then-crypt
KEYS=(root:64)
TYPES="crypt integrity"
# For the notice of the exitrd.
LOGLEVEL=6

prepare() {
	local keys
	prepare_default
	in_host
	key_make data 64
	small_fs "$work/data.ext4" 8
	mapfile -t keys < <(key_arguments data)
	stack_create "$work/data.ext4" data --stack integrity-then-crypt "${keys[@]}"
	# As lvm2 has it (scripts/blk_availability_systemd_red_hat.service.in).
	mkdir -p "$work/initrd/dmstack-test/run/systemd/system/sysinit.target.wants"
	ln -s ../blk-availability.service \
		"$work/initrd/dmstack-test/run/systemd/system/sysinit.target.wants/"
	cat >"$work/initrd/dmstack-test/run/systemd/system/blk-availability.service" <<-'END'
		[Unit]
		Description=Availability of block devices
		Before=shutdown.target
		After=lvm2-activation.service iscsi-shutdown.service iscsi.service iscsid.service
		DefaultDependencies=no
		Conflicts=shutdown.target

		[Service]
		Type=oneshot
		ExecStart=/usr/bin/true
		ExecStop=/usr/sbin/blkdeactivate -u -l wholevg -m disablequeueing -r wait
		RemainAfterExit=yes
	END
}

guest() {
	check_root "$NAME" "$TYPES"
	check "lvm2's service is active" systemctl is-active blk-availability.service
	check "the data is there" wait_until systemctl is-active --quiet dmstack@data.service
	check "it can be mounted" mount /dev/mapper/data /mnt
	guest_write_last /mnt/kept
	check "no unit failed" no_failed_units
}

after() {
	local keys
	host "lvm2's service was stopped" grep -aq 'Stopped blk-availability.service' "$work/journal-all.log" &&
		host "nothing is left" grep -aq 'exitrd: all layers are down, poweroff follows' "$work/console.log" ||
		return 1
	mapfile -t keys < <(key_arguments data)
	host_has_last data /kept "${keys[@]}"
}
