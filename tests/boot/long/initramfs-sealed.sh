# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
TITLE="Debian 13, initramfs-tools: keys in the TPM, without systemd; a wrong superblock powers off, with no shell"
TYPES="crypt integrity"
BOOTS=3
TPM=yes
# The first boot ends in a reboot.
GUEST_POWEROFF=reboot

prepare() {
	local arguments carried=$work/initrd/dmstack-test/run/dmstack-test/seal
	# Of the third boot there is no system that could report.
	eval "$(declare -f scenario_judge | sed '1s/scenario_judge/judge_guest/')"
	scenario_judge() {
		if [ "$boot" -lt 3 ]; then judge_guest; else judge_refused; fi
	}
	distro_prepare trixie initramfs-tools || return 1
	seal_root=$work/tree
	seal_signers && mapfile -t arguments < <(seal_arguments "") || return 1
	# The running system has what the initrd was made of; the manifest comes later, from its first boot.
	mkdir -p "$work/root-tree/usr/lib/dmstack" "$carried"
	cp -a "$work/tree/usr/lib/dmstack/." "$work/root-tree/usr/lib/dmstack/"
	distro_root "$work/root.ext4" || return 1
	# Without verity, which is the last of the layers; so crypt is the top.
	arguments=("${arguments[@]::${#arguments[@]}-2}")
	arguments=("${arguments[@]/name=plain,/name=root,}")
	stack_create "$work/root.ext4" root --mount /:ext4:rw --phase sealed --generation 1 --fail poweroff \
		"${arguments[@]}" || return 1
	seal_disk
	seal_approve root 1 || return 1
	cp "$manifest_place"/root.json{,.p7s} "$work/tree/usr/lib/dmstack/pcr-signature.json" "$carried/"
	distro_initrd
}

before_boot() {
	case $1 in
	1) seal_give_keys ;;
	2) seal_take_keys ;;
	3) python3 "$boot_dir/lib/flip.py" byte "${DISKS[0]%%:*}" 40 ;;
	esac
}

after_boot() {
	case $1 in
	1) host "it enrolled" grep -aq 'not enrolled yet, and enrols itself' "$work/console.log" ;;
	*) host "boot $1 did not" distro_lacks "$work/console.log" 'enrols itself' ;;
	esac
}

guest() {
	guest_writable
	case $BOOT in
	1)
		check "the manifest is installed" install -D -m 644 -t /etc/dmstack.d \
			/run/dmstack-test/seal/root.json /run/dmstack-test/seal/root.json.p7s
		check "the signature is installed" install -D -m 644 -t /usr/lib/dmstack \
			/run/dmstack-test/seal/pcr-signature.json
		sync
		;;
	2)
		check "the system knows the stack" is "$(systemctl is-active dmstack@root.service)" active
		check "nothing was left for its unit to ask" sh -c \
			"journalctl -b -o cat -u dmstack-unseal | grep 'the TPM is capped, and all layers have their keys'"
		check "a second unseal in this boot says CAPPED" sh -c "dmstack unseal; [ \$? -eq 18 ]"
		;;
	esac
	refuse "no key of a layer is in the keyring" grep 'dmstack:' /proc/keys
}

judge_refused() {
	host "the superblock is refused" grep -aq 'dmstack: .*superblock' "$work/console.log" &&
		host "the machine powers off" grep -aq 'Power down' "$work/console.log" &&
		host "no shell and no root" distro_lacks "$work/console.log" '\(initramfs\)|Run .*init as init process.*sbin'
}
