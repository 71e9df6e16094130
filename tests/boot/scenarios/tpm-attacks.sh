# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="fail=panic: an enrolled machine with another TPM, old slots, other measurements or no latch gets no key"
TIMEOUT=300
TPM=yes
ROWS=(enrol other-tpm latch-deleted measured)
ALL_ROWS=(again no-tpm cleared counter-deleted counter-again latch-made old-slot firmware slots-zeroed
	begin-anew other-signer edited edited-unsigned bootstrap-word bootstrap-image unapproved
	late masked)

counter_index=0x01800d00
latch_index=0x01800d01

prepare() {
	local arguments
	seal_signers && mapfile -t arguments < <(seal_arguments ",tpm-timeout=20s") || return 1
	rows_stack root --fail panic --generation 1 "${arguments[@]}" || return 1
	seal_disk
	seal_approve root 1
}

row_enrol() {
	END=root SAYS='not enrolled yet, and enrols itself' KEEP=yes
	seal_give_keys
}

# The keys of the first boot are in the initrd of no other.
row_again() {
	END=root SAYS='Finished dmstack-unseal.service'
}

row_other_tpm() {
	SAYS='sealed: OTHER-TPM: .*; panic follows'
	rm -rf "$work/tpm/state"
}

row_no_tpm() {
	SAYS='sealed: NO-TPM: .*; panic follows'
	TPM=no
}

row_cleared() {
	SAYS='sealed: OTHER-TPM: .*; panic follows'
	seal_tpm clear
}

row_counter_deleted() {
	SAYS='sealed: NV-LOST: .*; panic follows'
	seal_tpm undefine $counter_index
}

# It goes on above the highest value that the TPM ever had.
row_counter_again() {
	SAYS='sealed: ROLLBACK: .*; panic follows'
	seal_tpm counter $counter_index 1
}

row_latch_deleted() {
	SAYS='sealed: RESET-REQUIRED: .*; panic follows'
	seal_tpm undefine $latch_index
}

row_latch_made() {
	SAYS='sealed: NV-LOST: the latch and the slot are of two enrolments: .*; panic follows'
	seal_tpm latch $latch_index
}

# wipe_slots SLOT...
wipe_slots() {
	local slot
	for slot in "$@"; do
		dd if=/dev/zero of="$(row_disk seal)" bs=64K seek="$slot" count=1 conv=notrunc status=none
	done
}

# At the enrolment the second slot took the place of the first.
row_old_slot() {
	SAYS='sealed: ROLLBACK: .*; panic follows'
	wipe_slots 1
}

row_slots_zeroed() {
	SAYS='sealed: NO-SLOT: .*; panic follows'
	wipe_slots 0 1
}

# All that says that the machine is enrolled is gone; its disks are not blank.
row_begin_anew() {
	SAYS='sealed: RESET-REQUIRED: .*; panic follows'
	wipe_slots 0 1
	seal_tpm undefine $latch_index
}

# extend PCR: something is measured before dmstack asks.
extend() {
	local units=$work/initrd/usr/lib/systemd/system
	mkdir -p "$units/dmstack-unseal.service.d"
	cp "$boot_dir/guest/extend" "$work/initrd/"
	printf '[Unit]\nDefaultDependencies=no\nAfter=systemd-udevd.service\n[Service]\n%s\n' \
		"Type=oneshot
ExecStart=/bin/bash /extend $1" >"$units/row.service"
	printf '[Unit]\nWants=row.service\nAfter=row.service\n' \
		>"$units/dmstack-unseal.service.d/row.conf"
	SAYS='sealed: PCR-MISMATCH: .*; panic follows'
}

# PCR 12: the boot loader, of words for the kernel. It is in the signed policy.
row_measured() {
	extend 12
}

# PCR 7: Secure Boot. It is as it was when the machine was enrolled.
row_firmware() {
	extend 7
}

row_unapproved() {
	SAYS='sealed: NO-SIGNATURE: .*; panic follows'
	echo '{"dmstack": []}' >"$work/initrd/usr/lib/dmstack/pcr-signature.json"
}

row_other_signer() {
	SAYS='the signature is not valid: certificate verify error'
	openssl req -x509 -nodes -days 2 -subj "/CN=other" -newkey ec -pkeyopt \
		ec_paramgen_curve:P-256 -keyout "$work/other.key" -out "$work/other.pem" 2>/dev/null
	host "another one signs" builder sign --force --quiet --private-key "$work/other.key" \
		--certificate "$work/other.pem" "$manifest_place/root.json"
}

row_edited() {
	SAYS='the signature is not valid: content verify error'
	edit_manifest 'm["generation"] = 2'
}

# What is in the initrd needs no signature; but it is measured.
row_edited_unsigned() {
	SAYS='sealed: PCR-MISMATCH: .*; panic follows'
	edit_manifest 'm["generation"] = 2'
	rm "$manifest_place/root.json.p7s"
}

# The command line makes a phase stricter, never laxer.
row_bootstrap_word() {
	END=root SAYS='Finished dmstack-unseal.service'
	CMDLINE+=" dmstack.phase=bootstrap rd.dmstack.phase=bootstrap"
}

# One who can change the initrd and its certificates gets a shell, and no key.
row_bootstrap_image() {
	END=shell SAYS='this machine is enrolled, so there is no bootstrap phase any more'
	edit_manifest 'm["phase"] = "bootstrap"'
	rm -r "$manifest_place/root.json.p7s" "$work/initrd/usr/lib/dmstack/keys.d"
}

# Slower than usual, and still in time.
row_late() {
	local rules=$work/initrd/usr/lib/udev/rules.d
	END=root SAYS='Finished dmstack-unseal.service'
	mkdir -p "$rules"
	echo 'SUBSYSTEM=="block", KERNEL=="vd*", PROGRAM="/bin/sleep 7"' >"$rules/10-late.rules"
}

row_masked() {
	SAYS='sealed: .*; panic follows'
	CMDLINE+=" rd.systemd.mask=dmstack-cap.service"
}
