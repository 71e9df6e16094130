# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="peer: is the volume key of a LUKS2 root by crypttab in memory after a poweroff? (told, not judged)"
FS=squashfs
# Nobody takes the root's mapping down.
ALLOW='systemd-shutdown.*(Could not detach DM|Unable to finalize remaining DM)'

prepare() {
	key_make slot 40
	stack_create "$boot_work/root.squashfs" root --mount / \
		--layer "luks,key=file:$key_dir/slot,pbkdf=pbkdf2,pbkdf-force-iterations=1000" \
		--key "file:$key_dir/slot=$work/keys/slot" || return 1
	rm "$manifest_place/root.json"
	mkdir -p "$work/initrd/etc"
	echo "root /dev/disk/by-id/virtio-root $key_dir/slot luks,x-initrd.attach" >"$work/initrd/etc/crypttab"
	CMDLINE="root=/dev/mapper/root rootfstype=squashfs ro"
	host "the volume key is known here" cryptsetup luksDump --batch-mode --dump-volume-key \
		--volume-key-file "$work/keys/volume" --key-file "$work/keys/slot" \
		"${DISKS[0]%%:*}" || return 1
	memory_prepare volume
}

guest() {
	check "it is a volume of cryptsetup" sh -c \
		"dmsetup info -c --noheadings -o uuid root | grep CRYPT-LUKS2"
	refuse "there is no exitrd" test -e /run/initramfs/shutdown
}

after() {
	memory_find "after the poweroff" >&2
	host "a key that never was is not there" memory_lacks control
}
