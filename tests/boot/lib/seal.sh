# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
# Machines whose keys are in a TPM: who signs for them, the disk with the slots, and the TPM between
# two boots.

# What the layers of seal_stack have, the bottom first: integrity with keyed tags, crypt, and verity
# on a disk of its own.
seal_keys=(root:64 tags:32 journal:32)

# Where the tree is that the initrd is made of, and what is approved; empty: $work/initrd.
seal_root=

# seal_signers: the key that approves PCR values, and the one that signs manifests.
seal_signers() {
	local folder=${seal_root:-$work/initrd}/usr/lib/dmstack
	mkdir -p "$work/sign" "$folder/keys.d"
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/sign/policy.key" &&
		openssl pkey -in "$work/sign/policy.key" -pubout -out "$folder/policy.pem" &&
		openssl req -x509 -nodes -days 2 -subj "/CN=test" -newkey ec \
			-pkeyopt ec_paramgen_curve:P-256 -keyout "$work/sign/manifest.key" \
			-out "$folder/keys.d/manifest.pem"
}

# seal_disk: the disk with the slots, empty.
seal_disk() {
	truncate -s 128K "$work/seal.img"
	DISKS+=("$work/seal.img:seal")
}

# seal_arguments OPTION: the arguments of the builder for a stack whose keys are all in the TPM, one
# a line. OPTION: more options of the seal, with a comma in front, or nothing.
seal_arguments() {
	local key
	mkdir -p "$work/keys"
	for key in "${seal_keys[@]}"; do
		[ -f "$work/keys/${key%%:*}" ] ||
			head -c "${key##*:}" /dev/urandom >"$work/keys/${key%%:*}"
		printf '%s\n' --key "tpm2:${key%%:*}=$work/keys/${key%%:*}"
	done
	printf '%s\n' --seal "ID=virtio-seal,public-key=/usr/lib/dmstack/policy.pem,bootstrap=allow,software-tpm=yes$1" \
		--layer "integrity,name=tags,integrity-algorithm=hmac-sha256,sector-size=4096,key=tpm2:tags,journal-integrity=hmac-sha256,journal-integrity-key=tpm2:journal" \
		--layer "crypt,name=plain,key=tpm2:root,sector-size=4096" --layer verity
}

# seal_approve NAME EPOCH...: signs the manifest of the initrd, and approves the initrd with it for
# these epochs. A kernel that QEMU loads leaves PCR 11 as it is, zero.
seal_approve() {
	local name=$1 epoch arguments=() root=${seal_root:-$work/initrd}
	shift
	for epoch in "$@"; do arguments+=(--epoch "$epoch"); done
	host "the manifest of $name is signed" builder sign --force --quiet \
		--private-key "$work/sign/manifest.key" \
		--certificate "$root/usr/lib/dmstack/keys.d/manifest.pem" \
		"$manifest_place/$name.json" &&
		host "its PCRs are approved" builder sign-policy --force --root "$root" \
			--private-key "$work/sign/policy.key" --pcr "11=$(printf '0%.0s' {1..64})" \
			--output "$root/usr/lib/dmstack/pcr-signature.json" "${arguments[@]}"
}

# seal_give_keys and seal_take_keys: the keys that the image was made with are in the initrd of the
# first boot, and in no other.
seal_give_keys() {
	local key
	mkdir -p "$work/initrd/etc/dmstack/keys"
	for key in "${seal_keys[@]}"; do
		install -m 600 "$work/keys/${key%%:*}" "$work/initrd/etc/dmstack/keys/"
	done
}

seal_take_keys() {
	rm -rf "$work/initrd/etc/dmstack/keys"
}

# seal_tpm WORD...: changes the TPM while the machine is off, see tests/boot/lib/tpm.py.
seal_tpm() {
	python3 "$boot_dir/lib/tpm.py" "$work/tpm/state" "$@"
}
