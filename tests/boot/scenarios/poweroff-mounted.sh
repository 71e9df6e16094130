# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="a poweroff takes a mounted stack down in order"
LOGLEVEL=7

prepare() {
	prepare_default
	in_host
	key_make data 64
	small_fs "$work/data.ext4" 16
	mapfile -t keys < <(key_arguments data)
	stack_create "$work/data.ext4" data "${keys[@]}" --layer integrity --layer crypt \
		--layer linear --layer verity
}

guest() {
	check "the stack is up" systemctl is-active dmstack@data.service
	check "it can be mounted" mount -o ro /dev/mapper/data /mnt
	check "the layers are four" is \
		"$(types_below "$(basename "$(realpath /dev/mapper/data)")")" \
		"verity linear crypt integrity"
	check "no unit failed" no_failed_units
}

after() {
	host "the top layer was stopped" grep -aq 'Stopped.*dmstack@data\.service' \
		"$work/journal-all.log" &&
		host "the bottom layer was stopped" grep -aq \
			'Stopped.*dmstack@data.*integrity\.service' "$work/journal-all.log"
}
