# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="a mounted stack with _netdev is taken down before the network that its disk needs"
LOGLEVEL=7

# The network is played by a unit whose end takes the disk away.
prepare() {
	local keys units=$work/initrd/dmstack-test/run/systemd/system
	prepare_default
	in_host
	key_make data 64
	small_fs "$work/data.ext4" 8
	mapfile -t keys < <(key_arguments data)
	stack_create "$work/data.ext4" data --stack integrity-then-crypt "${keys[@]}" \
		--layer-option data-integrity._netdev --layer-option data._netdev || return 1
	mkdir -p "$units/multi-user.target.wants"
	ln -s ../played-network.service "$units/multi-user.target.wants/"
	cat >"$units/played-network.service" <<-'END'
		[Unit]
		Description=A network
		DefaultDependencies=no
		Before=network.target shutdown.target
		Wants=network.target
		Conflicts=shutdown.target

		[Service]
		Type=oneshot
		RemainAfterExit=yes
		ExecStart=/usr/bin/true
		ExecStop=/usr/bin/sh -c 'disk=$$(basename $$(readlink -f /dev/disk/by-id/virtio-data)); \
			basename $$(readlink -f /sys/block/$$disk/device) >/sys/bus/virtio/drivers/virtio_blk/unbind'
	END
}

guest() {
	check "the network is up" systemctl is-active played-network.service network.target
	check "the stack comes up" wait_until systemctl is-active --quiet dmstack@data.service
	check "it can be mounted" mount /dev/mapper/data /mnt
	guest_write_last /mnt/kept
	check "no unit failed" no_failed_units
}

after() {
	local keys
	host "the stack was stopped" grep -aq 'Stopped dmstack@data.service' "$work/journal-all.log" &&
		host "the network was stopped after it" sh -c \
			"grep -a 'Stopped \(dmstack@data.*service\|played-network.service\)' '$work/journal-all.log' |
			tail -n 1 | grep played" || return 1
	mapfile -t keys < <(key_arguments data)
	host "every tag is right" builder verify --no-digest "$work/data/data.json" "${keys[@]}" &&
		host_has_last data /kept "${keys[@]}"
}
