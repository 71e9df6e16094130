# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="the raw data of verity is out of the way, its mount comes from the manifest"
FS=squashfs
STACK=verity-only
TYPES="verity"
READ_ONLY=yes

prepare() {
	prepare_default || return 1
	in_host
	key_make data 64
	small_fs "$work/data.ext4" 8
	mapfile -t keys < <(key_arguments data)
	stack_create "$work/data.ext4" data "${keys[@]}" --mount /srv:ext4:ro,noexec \
		--layer crypt --layer verity || return 1
	# Plain data below verity: the raw device shows the same file system as the mapping.
	tune2fs -U 11111111-2222-4333-8444-555555555555 -L shown "$work/data.ext4" >/dev/null || return 1
	stack_create "$work/data.ext4" shown --stack verity-only
}

raw() {
	realpath "/dev/disk/by-id/virtio-$1"
}

udev_has() {
	udevadm info --query=property --name="$(raw "$1")" | grep -x "$2"
}

guest() {
	local by_uuid=/dev/disk/by-uuid/11111111-2222-4333-8444-555555555555
	show udevadm info --query=property --name="$(raw shown)"
	check "udev knows the raw data as a source" udev_has shown DMSTACK_LAYER=shown
	refuse "udev shows no file system on it" udev_has shown 'ID_FS_TYPE=.*'
	check "it keeps its other links" test -b /dev/disk/by-id/virtio-shown
	check "the UUID leads to the mapping" is "$(realpath $by_uuid)" "$(realpath /dev/mapper/shown)"
	check "the label leads to the mapping" is "$(realpath /dev/disk/by-label/shown)" \
		"$(realpath /dev/mapper/shown)"
	check "the mapping can be taken down" systemctl stop dmstack@shown.service
	udevadm trigger --settle "$(raw shown)"
	refuse "without it the UUID leads nowhere" test -e $by_uuid
	check "root's device stays ready" systemctl is-active dev-mapper-root.device
	check "the flags outlive the initrd" test -k \
		"/run/udev/data/b$(stat -L -c %Hr:%Lr /dev/mapper/root)"
	check "the hint of the manifest was followed" is \
		"$(findmnt --noheadings --output SOURCE,FSTYPE /srv | tr -s ' ')" "/dev/mapper/data ext4"
	check "its options hold" sh -c "findmnt --noheadings --output OPTIONS /srv | grep -w noexec"
	# shellcheck disable=SC2016
	check "the layer in the middle is hidden" \
		sh -c '! find /dev/disk -lname "*/$1" | grep -v by-id' sh \
		"$(basename "$(realpath /dev/mapper/data-crypt)")"
	check "all ran in the slice" sh -c \
		"systemctl show -P Slice dmstack@root.service | grep -x system-dmstack.slice"
	check "the units are in order" env \
		SYSTEMD_UNIT_PATH=/run/systemd/generator:/run/systemd/generator.late: \
		systemd-analyze verify --man=no \
		dmstack@root.service dmstack@data.service dmstack.target srv.mount
	check "the rules are in order" udevadm verify /usr/lib/udev/rules.d/61-dmstack.rules
	check "no unit failed" no_failed_units
}
