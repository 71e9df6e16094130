# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="dmstack.conf: crypt over linear on an empty disk, formatted in the guest"
prepare() {
	prepare_default
	in_host
	key_make data 32
	mkdir -p "$conf_place"
	cat >"$conf_place/data.conf" <<-END
		data-slice linear ID=virtio-data  -                  offset=2048,noauto
		data       crypt  data-slice      file:$key_dir/data cipher=aes-cbc-essiv:sha256,size=256,noauto
	END
	truncate -s 16M "$work/data.img"
	DISKS+=("$work/data.img:data")
}

guest() {
	check "dmstack check finds no fault" dmstack check
	show dmstack plan data
	check "it starts" systemctl start dmstack@data.service
	check "the layers are crypt and linear" is \
		"$(types_below "$(basename "$(realpath /dev/mapper/data)")")" "crypt linear"
	refuse "the table does not show the key" sh -c "dmsetup table data | grep -E '[0-9a-f]{32}'"
	check "a second attach is no error" dmstack attach data
	check "a file system can be made" mke2fs -q -t ext4 /dev/mapper/data
	check "it can be mounted" mount /dev/mapper/data /mnt
	check "a file is written" sh -c 'head -c 1M /dev/urandom >/mnt/kept && md5sum /mnt/kept >/run/kept.md5'
	refuse "a mounted device cannot be detached" dmstack detach data
	show dmstack status
	check "it can be unmounted" umount /mnt
	check "it stops" systemctl stop dmstack@data.service
	refuse "the device is gone" test -e /dev/mapper/data
	check "it can be attached by hand" dmstack attach data
	# The device's appearance makes systemd start the unit that the device requires.
	check "the unit follows" wait_until systemctl is-active --quiet dmstack@data.service
	check "it can be mounted again" mount /dev/mapper/data /mnt
	check "the file is there" md5sum -c /run/kept.md5
	check "it can be unmounted again" umount /mnt
	check "the whole stack is detached" dmstack detach --stack data
	check "no mapping is left" is "$(dmsetup ls)" "No devices found"
	check "a second detach is no error" dmstack detach data
	refuse "an unknown stack is an error" dmstack attach nonesuch
	check "no unit failed" no_failed_units
}

after() {
	host "the beginning of the disk was left alone" \
		cmp --bytes=1048576 "$work/data.img" /dev/zero
}
