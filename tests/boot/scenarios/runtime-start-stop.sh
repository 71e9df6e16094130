# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="a stack is started, written to, stopped and started in a booted host"
BOOTS=2

prepare() {
	prepare_default
	in_host
	key_make data 64
	small_fs "$work/data.ext4" 16
	mapfile -t keys < <(key_arguments data)
	stack_create "$work/data.ext4" data --stack integrity-then-crypt "${keys[@]}" \
		--layer-option data-integrity.noauto --layer-option data.noauto
}

guest() {
	refuse "nothing was started by itself" test -e /dev/mapper/data
	check "systemctl start dmstack@data" systemctl start dmstack@data.service
	check "the layers are crypt and integrity" is \
		"$(types_below "$(basename "$(realpath /dev/mapper/data)")")" "crypt integrity"
	check "it can be mounted" mount /dev/mapper/data /mnt
	if [ "$BOOT" = 1 ]; then
		check "a file is written" sh -c \
			'head -c 1M /dev/urandom >/mnt/kept && sha256sum /mnt/kept >/mnt/kept.sum'
	else
		check "the file of the first boot is there" sha256sum -c /mnt/kept.sum
	fi
	check "it can be unmounted" umount /mnt
	check "systemctl stop dmstack@data" systemctl stop dmstack@data.service
	refuse "the device is gone" test -e /dev/mapper/data
	check "the lower layer stops" systemctl stop dmstack@data\\x2dintegrity.service
	check "no mapping is left" is "$(dmsetup ls)" "No devices found"
	check "it starts again" systemctl start dmstack@data.service
	check "it can be mounted again" mount -o ro /dev/mapper/data /mnt
	check "the file is there" sha256sum -c /mnt/kept.sum
	check "no layer counts a mismatch" no_mismatch
	umount /mnt
	check "no unit failed" no_failed_units
}
