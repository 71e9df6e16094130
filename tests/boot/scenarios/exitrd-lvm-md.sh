# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="root on crypt over an array over two layers, and data on a stack, end cleanly beside lvm2's service"
# For the notice of the exitrd.
LOGLEVEL=6

# The same bytes are below both halves of the mirror.
prepare() {
	local name keys
	for name in root left right; do key_make "$name" 64; done
	mapfile -t keys < <(key_arguments root)
	host "root is built" builder create --input "$boot_work/root.ext4" --output "$work/root" --name root \
		--quiet --device data=/dev/md_root --stack crypt-only "${keys[@]}" --mount / || return 1
	mkdir -p "$manifest_place"
	cp "$work/root/root.json" "$manifest_place/"
	for name in left right; do
		mapfile -t keys < <(key_arguments "$name")
		stack_create "$work/root/root.data.img" "$name" "${keys[@]}" \
			--layer "crypt,key=file:$key_dir/$name,x-initrd.attach" || return 1
	done
	array_unit
	in_host
	key_make data 64
	small_fs "$work/data.ext4" 8
	mapfile -t keys < <(key_arguments data)
	stack_create "$work/data.ext4" data --stack integrity-then-crypt "${keys[@]}"
	lvm_unit
}

# What mdadm does for somebody who has it: an array without superblocks, as the initrd comes up.
array_unit() {
	local units=$work/initrd/usr/lib/systemd/system
	mkdir -p "$units/initrd-root-device.target.wants"
	ln -s ../mirror.service "$units/initrd-root-device.target.wants/"
	cat >"$units/mirror.service" <<-'END'
		[Unit]
		DefaultDependencies=no
		Requires=dmstack@left.service dmstack@right.service
		After=dmstack@left.service dmstack@right.service
		Before=initrd-root-device.target

		[Service]
		Type=oneshot
		RemainAfterExit=yes
		ExecStart=/bin/bash /mirror
	END
	cat >"$work/initrd/mirror" <<-'END'
		set -e
		modprobe raid1
		echo md_root >/sys/module/md_mod/parameters/new_array
		cd /sys/block/md_root/md
		echo none >metadata_version
		echo raid1 >level
		echo 2 >raid_disks
		sectors=$(cat "/sys/block/$(basename "$(readlink -f /dev/mapper/left)")/size")
		echo $((sectors / 2)) >component_size
		slot=0
		for name in left right; do
			device=$(basename "$(readlink -f "/dev/mapper/$name")")
			cat "/sys/block/$device/dev" >new_dev
			echo "$slot" >"dev-$device/slot"
			echo $((sectors / 2)) >"dev-$device/size"
			slot=$((slot + 1))
		done
		echo none >resync_start
		echo active >array_state
	END
}

# As lvm2 has it (scripts/blk_availability_systemd_red_hat.service.in).
lvm_unit() {
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
	check_root root crypt
	check "it is on the array" is "$(ls "/sys/block/$(basename "$(realpath /dev/mapper/root)")/slaves")" md_root
	check "whose halves are layers" is \
		"$(for disk in /sys/block/md_root/slaves/*; do cat "$disk/dm/name"; done | sort | tr '\n' ' ')" \
		"left right "
	check "lvm2's service is active" systemctl is-active blk-availability.service
	check "the data is there" wait_until systemctl is-active --quiet dmstack@data.service
	check "it can be mounted" mount /dev/mapper/data /mnt
	guest_write_last /mnt/kept
	guest_write_last /srv/kept
	check "no unit failed" no_failed_units
}

after() {
	local name keys
	host "lvm2's service was stopped" grep -aq 'Stopped blk-availability.service' "$work/journal-all.log" &&
		host "nothing is left" grep -aq 'exitrd: all layers are down, poweroff follows' "$work/console.log" ||
		return 1
	mapfile -t keys < <(key_arguments data)
	host_has_last data /kept "${keys[@]}" || return 1
	in_initrd
	for name in left right; do
		mapfile -t keys < <(key_arguments "$name")
		host "$name is extracted" builder extract "$work/$name/$name.json" "${keys[@]}" \
			--output "$work/$name.img" || return 1
	done
	host "the halves are equal" cmp "$work/left.img" "$work/right.img" || return 1
	cp "$work/left.img" "$work/root/root.data.img"
	mapfile -t keys < <(key_arguments root)
	host_has_last root /srv/kept "${keys[@]}"
}
