# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="a machine enrols at its first boot, and the TPM opens verity over crypt over keyed integrity"
FS=squashfs
TYPES="verity crypt integrity"
BOOTS=2
TPM=yes

prepare() {
	local arguments
	seal_signers && mapfile -t arguments < <(seal_arguments ",recovery=yes") || return 1
	stack_create "$boot_work/root.squashfs" root --mount / --phase sealed --generation 1 \
		--fail poweroff "${arguments[@]}" || return 1
	memory_prepare "${seal_keys[@]%%:*}"
	seal_disk
	truncate -s 16M "$work/dump.img"
	DISKS+=("$work/dump.img:dump")
	seal_approve root 1 || return 1
	# The running system knows the stack as well, and all that it takes to ask the TPM again.
	host_knows root
	cp "$manifest_place/root.json.p7s" "$work/initrd/dmstack-test/run/dmstack.d/"
	mkdir -p "$work/initrd/dmstack-test/run/"{dmstack,dmstack-test}
	cp -a "$work/initrd/usr/lib/dmstack" "$work/initrd/dmstack-test/run/dmstack-test/seal"
	cp -a "$work/initrd/usr/lib/dmstack/keys.d" "$work/initrd/dmstack-test/run/dmstack/"
}

before_boot() {
	memory_reset
	if [ "$1" = 1 ]; then seal_give_keys; else seal_take_keys; fi
}

# dump: all that another process can read of this boot, for a look at it from outside.
dump() {
	{
		journalctl -b -o export
		systemctl show '*'
		cat /proc/[0-9]*/{cmdline,environ}
		cat /run/systemd/generator*/*/*.conf
		dmesg
		dmsetup table
		systemctl show-environment
	} 2>/dev/null >/dev/disk/by-id/virtio-dump
	sync
}

guest() {
	guest_read_only
	check "the seal was opened by its unit" is \
		"$(systemctl show -P ActiveState dmstack-unseal.service)" active
	check "the unit's status says so" is \
		"$(systemctl show -P StatusText dmstack-unseal.service)" "The seal is open."
	check "the TPM was capped" is "$(systemctl is-active dmstack-cap.service)" active
	case $BOOT in
	1) check "it enrolled" sh -c "journalctl -b -o cat | grep 'not enrolled yet, and enrols itself'" ;;
	2) refuse "it did not enrol again" sh -c "journalctl -b -o cat | grep 'enrols itself'" ;;
	esac
	refuse "no key of a layer is in the keyring" grep 'dmstack:' /proc/keys
	mount -t tmpfs none /usr/lib/dmstack
	cp -a /run/dmstack-test/seal/. /usr/lib/dmstack/
	check "a second unseal in this boot says CAPPED" sh -c "dmstack unseal; [ \$? -eq 18 ]"
	refuse "and leaves no key" grep 'dmstack:' /proc/keys
	show dmstack tpm-status
	# The keys of the first boot came in its initrd, and that stays in memory.
	[ "$BOOT" = 1 ] || memory_look
	dump
}

# What a process could see in this boot; and a search for what is there, so that one that finds nothing
# means something. Of the machine's memory when it is off, too.
after_boot() {
	local key
	for key in "${seal_keys[@]}"; do
		host "boot $1: nothing that can be read has the key ${key%%:*}" \
			python3 "$boot_dir/lib/find-key.py" "$work/keys/${key%%:*}" "$work/dump.img" \
			"$work/console.log" "$work/journal.log" "$work/seal.img" || return 1
	done
	echo -n "Keys of Device-Mapper Layers" >"$work/words"
	if python3 "$boot_dir/lib/find-key.py" "$work/words" "$work/dump.img" >/dev/null; then
		fail "the search does not find what is there"
		return 1
	fi
	if [ "$1" = 1 ]; then
		python3 "$boot_dir/lib/root-secret.py" "$work/seal.img" "$work/console.log" \
			"$work/keys/root-secret" && echo root-secret >>"$work/secrets"
	else
		memory_is_clean "boot $1"
	fi
}
