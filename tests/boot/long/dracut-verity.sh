# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
TITLE="Debian 13, dracut: a read-only root under verity and a writable /var on crypt; two boots"
TYPES="verity"
BOOTS=2
# The first boot ends in a reboot.
GUEST_POWEROFF=reboot

prepare() {
	distro_prepare trixie dracut || return 1
	key_make var 64
	# The system itself knows /var; the key lies on the root, which the initrd does not look at.
	install -D -m 600 "$work/keys/var" "$work/root-tree/etc/dmstack/keys/var"
	echo "var crypt ID=virtio-var /etc/dmstack/keys/var" >"$work/root-tree/etc/dmstack.conf"
	cp "$work/root-tree/etc/dmstack.conf" "$work/tree/etc/"
	echo "/dev/mapper/var /var ext4 defaults 0 2" >>"$work/root-tree/etc/fstab"
	distro_root "$work/root.ext4" || return 1
	in_host
	truncate -s 64M "$work/var.ext4" && mke2fs -q -t ext4 -b 4096 "$work/var.ext4" || return 1
	host "var is built" builder create --input "$work/var.ext4" --output "$work/var" --name var --quiet \
		--device data=ID=virtio-var --layer crypt,key=file:/etc/dmstack/keys/var,sector-size=512 \
		--key "file:/etc/dmstack/keys/var=$work/keys/var" || return 1
	DISKS+=("$work/var/var.data.img:var")
	in_initrd
	manifest_place=$work/tree/usr/lib/dmstack.d
	stack_create "$work/root.ext4" root --stack verity-only --mount /:ext4 || return 1
	distro_initrd --no-hostonly
}

guest() {
	check_root root verity
	refuse "the root cannot be written to" touch /srv/kept
	check "/var is on its own layer" is "$(findmnt -n -o SOURCE /var)" /dev/mapper/var
	if [ "$BOOT" = 1 ]; then
		check "a file is written to /var" sh -c 'date >/var/kept && sync'
	else
		check "the file of the first boot is there" test -s /var/kept
	fi
}

after() {
	host "the exitrd took everything down" \
		grep -aq 'exitrd: mappings left: No devices found' "$work/console.log"
}
