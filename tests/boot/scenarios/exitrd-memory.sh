# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="the volume key is not in memory after a poweroff, nor after a sealed failure"
FS=squashfs
TYPES="crypt"
BOOTS=2
HOST_KNOWS=yes
# Both ends are the guest's own.
GUEST_POWEROFF=no
ALLOW='sealed: a unit failed, or a shell was asked for; poweroff follows'

# The passphrase is in the initrd, and so in memory for ever; the volume key never is, but while dmstack
# and the kernel use it.
prepare() {
	key_make slot 40
	mkdir -p "$work/keys"
	stack_create "$boot_work/root.squashfs" root --mount / --phase sealed --fail poweroff \
		--layer "luks,key=file:$key_dir/slot,pbkdf=pbkdf2,pbkdf-force-iterations=1000" \
		--key "file:$key_dir/slot=$work/keys/slot" || return 1
	host_knows root
	host "the volume key is known here" cryptsetup luksDump --batch-mode --dump-volume-key \
		--volume-key-file "$work/keys/volume" --key-file "$work/keys/slot" \
		"${DISKS[0]%%:*}" || return 1
	memory_prepare volume
}

before_boot() {
	memory_reset
}

guest() {
	check_root "$NAME" "$TYPES"
	check "the exitrd is there" test -x /run/initramfs/shutdown
	if [ "$BOOT" = 1 ]; then
		memory_look
		systemctl --no-block poweroff
	else
		say "done"
		dmstack fail
	fi
}

after_boot() {
	host "boot $1 ended in power-off" grep -aq 'reboot: Power down' "$work/console.log" &&
		memory_is_clean "boot $1"
}
