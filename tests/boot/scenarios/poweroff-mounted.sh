# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="a poweroff takes mounted stacks down in order"
LOGLEVEL=7

prepare() {
	prepare_default
	in_host
	key_make data 64
	small_fs "$work/data.ext4" 16
	mapfile -t keys < <(key_arguments data)
	stack_create "$work/data.ext4" data "${keys[@]}" --layer integrity --layer crypt \
		--layer linear --layer verity &&
		stack_create "$work/data.ext4" written "${keys[@]}" --stack integrity-then-crypt
}

guest() {
	check "both stacks are up" systemctl is-active dmstack@data.service dmstack@written.service
	check "the first can be mounted" mount -o ro /dev/mapper/data /mnt
	check "the second can be mounted" mount /dev/mapper/written /srv
	check "the layers are four" is \
		"$(types_below "$(basename "$(realpath /dev/mapper/data)")")" \
		"verity linear crypt integrity"
	guest_write_last /srv/kept
	check "no unit failed" no_failed_units
}

after() {
	local name
	for name in data data.*integrity written written.*integrity; do
		host "$name was stopped" grep -aq "Stopped dmstack@$name\\.service" \
			"$work/journal-all.log" || return 1
	done
	# What the kernel wrote is sound to the builder, and a clean file system with the file in it.
	mapfile -t keys < <(key_arguments data)
	host "every tag is right" builder verify --no-digest "$work/written/written.json" \
		"${keys[@]}" &&
		host_has_last written /kept "${keys[@]}"
}
