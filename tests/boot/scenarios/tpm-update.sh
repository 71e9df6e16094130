# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="fail=reboot: an update to the other disks with a new epoch shuts the old image and the old disks out"
TIMEOUT=300
TPM=yes
ROWS=(enrol update old-image old-disks)
ALL_ROWS=(updated newer-configuration)

# The new image comes beside the old one, with the same keys.
prepare() {
	local arguments name
	seal_signers && mapfile -t arguments < <(seal_arguments "") || return 1
	rows_stack root --fail reboot --generation 1 "${arguments[@]}" || return 1
	rows_stack next --fail reboot --generation 2 "${arguments[@]}" || return 1
	seal_disk
	rm "$manifest_place/next.json"
	seal_approve root 1
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

row_update() {
	END=root SAYS='Finished dmstack-unseal.service' KEEP=yes
	cp "$(row_disk seal)" "$work/seal.before"
	boot_next 1 2
}

row_old_image() {
	END=reboot SAYS='sealed: NO-SIGNATURE: .*; reboot follows'
}

# The whole of the machine's disks, as they were before the update.
row_old_disks() {
	END=reboot SAYS='sealed: ROLLBACK: .*; reboot follows'
	cp "$work/seal.before" "$(row_disk seal)"
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
