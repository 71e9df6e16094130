# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="fail=reboot: an update to the other disks with a new epoch shuts the old image and the old disks out"
TIMEOUT=300
TPM=yes
ROWS=(enrol update old-image old-disks unmountable)
ALL_ROWS=(killed updated old-disks-new-image newer-configuration)

# The new image comes beside the old one, with the same keys.
prepare() {
	local arguments name
	seal_signers && mapfile -t arguments < <(seal_arguments ",recovery=yes") || return 1
	rows_stack root --fail reboot --generation 1 "${arguments[@]}" || return 1
	rows_stack next --fail reboot --generation 2 "${arguments[@]}" || return 1
	seal_disk
	rm "$manifest_place/next.json"
	seal_approve root 1 || return 1
	memory_file "${seal_keys[@]%%:*}"
}

# boot_next EPOCH...: the initrd of the new image, approved for slots of these epochs.
boot_next() {
	rm "$manifest_place"/root.json*
	cp "$work/next/next.json" "$manifest_place/"
	seal_approve next "$@"
}

row_enrol() {
	END=root SAYS='not enrolled yet, and enrols itself' KEEP=yes
	seal_give_keys
}

# With the keys in the kernel the machine ends in a reset, so that they are still in its memory; but not
# the secret that all of them hang on.
row_update() {
	local disk
	END=root SAYS='Finished dmstack-unseal.service' KEEP=yes MEMORY=used
	python3 "$boot_dir/lib/root-secret.py" "$(row_disk seal)" "$work/console.log" \
		"$work/keys/root-secret" || return 1
	echo root-secret >>"$work/secrets"
	mkdir -p "$work/before"
	for disk in "${DISKS[@]}"; do cp --sparse=always "${disk%%:*}" "$work/before/" || return 1; done
	boot_next 1 2
}

row_old_image() {
	END=reboot SAYS='sealed: NO-SIGNATURE: .*; reboot follows' MEMORY=free
}

# The whole of the machine's disks, as they were before the update.
row_old_disks() {
	local disk
	END=reboot SAYS='sealed: ROLLBACK: .*; reboot follows'
	if cmp -s "$work/before/seal.img" "$(row_disk seal)"; then return 1; fi
	for disk in "${DISKS[@]}"; do
		cp --sparse=always "$work/before/$(basename "${disk%%:*}")" "${disk%%:*}" || return 1
	done
}

row_old_disks_new_image() {
	row_old_disks && boot_next 1 2
}

# The TPM gave the keys, all layers are up, and then the file system is not to be mounted.
row_unmountable() {
	local disk offsets
	END=reboot SAYS='Failed to mount sysroot.mount' MEMORY=free
	boot_next 2 || return 1
	disk=$(row_disk next)
	read -ra offsets < <(python3 "$boot_dir/lib/place.py" "$disk" 0)
	python3 "$boot_dir/lib/flip.py" byte "$disk" "${offsets[0]}"
}

# The keys are in the keyring, and two of three layers are up.
row_killed() {
	END=reboot SAYS='sealed: next: its unit failed; reboot follows' MEMORY=free
	boot_next 2 && row_kill next
}

row_updated() {
	END=root SAYS='Finished dmstack-unseal.service'
	boot_next 2
}

# Signed, but no image was approved with it.
row_newer_configuration() {
	END=reboot SAYS='sealed: PCR-MISMATCH: .*; reboot follows'
	boot_next 2
	NAME=next edit_manifest 'm["generation"] = 3'
	host "the manifest is signed" builder sign --force --quiet \
		--private-key "$work/sign/manifest.key" \
		--certificate "$work/initrd/usr/lib/dmstack/keys.d/manifest.pem" \
		"$manifest_place/next.json"
}
