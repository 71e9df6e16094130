# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
TITLE="the TPM opens an encrypted root for the kernel image that was signed, and for no other"
TPM=yes

prepare() {
	keys_make
}

# refused STATE ARGUMENT...: the machine does not come up, for this reason.
refused() {
	local state=$1
	shift
	disk_boot "$@" && ended "sealed: $state: .*; poweroff follows"
}

# refused_changed FROM TO: with other bytes in the kernel image, and the signature that it had.
refused_changed() {
	disk_change "$1" "$2" && refused PCR-MISMATCH && disk_change "$2" "$1"
}

# The first boot has the key from the factory's firmware, and enrols; then there is only the TPM.
boots() {
	local key
	key=$(base64 -w 0 "$source_dir/mkosi/dmstack.keys/root")
	disk_boot -smbios "type=11,value=io.systemd.credential.binary:dmstack.root=$key" &&
		healthy && reported 'the machine enrolled' || return 1
	disk_boot && healthy && reported 'the machine was enrolled before' || return 1
	# sd-stub measures what it appends.
	refused PCR-MISMATCH -smbios "type=11,value=io.systemd.stub.kernel-cmdline-extra=quiet" &&
		refused_changed ' loglevel=5 ' ' loglevel=7 ' &&
		refused_changed '# Soft dependencies extracted' '# soft dependencies extracted' ||
		return 1
	mv "$work/tpm" "$work/tpm.own"
	refused OTHER-TPM
}
