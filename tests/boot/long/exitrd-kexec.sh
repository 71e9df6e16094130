# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="a soft-reboot keeps the root's layers and brings the others back; kexec goes through the exitrd"
STACK=integrity-then-crypt
KEYS=(root:64)
TYPES="crypt integrity"
HOST_KNOWS=yes
# For the notice of the exitrd.
LOGLEVEL=6
# Each of the three systems in the one machine ends by itself.
GUEST_POWEROFF=no
vm_memory=1024
TIMEOUT=900
# In a soft-reboot systemd-journald stops before what is below file systems, whoever's it is.
ALLOW='Failed to connect stdout to the journal socket'

prepare() {
	local keys
	prepare_default
	in_host
	key_make data 64
	small_fs "$work/data.ext4" 8
	mapfile -t keys < <(key_arguments data)
	stack_create "$work/data.ext4" data --stack integrity-then-crypt "${keys[@]}" || return 1
	install -m 755 "$boot_build/tests/boot/kexec-load" "$work/initrd/dmstack-test/run/dmstack-test/"
	# What comes behind kexec: the same kernel, and an initrd that knows that it is the second.
	scenario_initrd 2
	mkdir "$work/next" && cp "$boot_cache/vmlinuz" "$work/next/kernel" && mv "$work/initrd.cpio" "$work/next/initrd" &&
		truncate -s 256M "$work/next.img" &&
		mke2fs -q -t ext4 -b 4096 -O ^has_journal -d "$work/next" "$work/next.img" &&
		DISKS+=("$work/next.img:next:ro")
}

guest() {
	check_root "$NAME" "$TYPES"
	check "the exitrd is there" test -x /run/initramfs/shutdown
	check "the data are there" wait_until systemctl is-active --quiet dmstack@data.service
	if [ "$BOOT" = 2 ]; then
		behind_kexec
	elif [ -e /run/dmstack-test/soft ]; then
		behind_soft_reboot
	else
		check "the data can be mounted" mount /dev/mapper/data /mnt
		guest_write_last /mnt/soft
		dmsetup info -c --noheadings -o name,major,minor,events root >/run/dmstack-test/soft
		show cat /run/dmstack-test/soft
		systemctl --no-block soft-reboot
	fi
}

behind_soft_reboot() {
	check "the root's mapping is the one of before" is \
		"$(dmsetup info -c --noheadings -o name,major,minor,events root)" "$(cat /run/dmstack-test/soft)"
	check "the data can be mounted again" mount /dev/mapper/data /mnt
	check "what was written before is there" is "$(tr -d x </mnt/soft | wc -c) $(wc -c </mnt/soft)" "0 1048576"
	check "they can be unmounted" umount /mnt
	check "the next kernel can be mounted" mount -o ro /dev/disk/by-id/virtio-next /mnt
	check "it is loaded" /run/dmstack-test/kexec-load /mnt/kernel /mnt/initrd "$(cat /proc/cmdline) behind-kexec"
	guest_write_last /srv/kept
	systemctl --no-block kexec
}

behind_kexec() {
	check "this is the next kernel" grep -q behind-kexec /proc/cmdline
	check "the file of the last second is there" is "$(tr -d x </srv/kept | wc -c) $(wc -c </srv/kept)" "0 1048576"
	check "the whole device can be read" reads_whole /dev/mapper/root
	check "no layer counts a mismatch" no_mismatch
	systemctl --no-block poweroff
}

after() {
	local keys
	host "kexec went through the exitrd" grep -aq 'exitrd: all layers are down, kexec follows' "$work/console.log" &&
		host "and the end as well" grep -aq 'exitrd: all layers are down, poweroff follows' "$work/console.log" &&
		host "all three systems came to their end" is_thrice || return 1
	in_initrd
	mapfile -t keys < <(key_arguments root)
	host_has_last root /srv/kept "${keys[@]}"
}

is_thrice() {
	[ "$(grep -ac '^done' "$work/report-all.log")" -eq 3 ]
}
