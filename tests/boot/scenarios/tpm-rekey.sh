# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="at its first boot a machine enrols and re-keys its root, also over two power cuts"
TIMEOUT=300
TPM=yes
ROWS=(cut-enrolment cut resume again)

# All three keys of the image are replaced, of tags, journal and data; for the last one unseal has to
# attach the layer below.
prepare() {
	local arguments
	seal_signers && mapfile -t arguments < <(seal_arguments ",rekey=first-boot") || return 1
	# Large enough to be cut within.
	mkdir -p "$work/small-root"
	head -c 16M /dev/urandom >"$work/small-root/large"
	rows_stack root --fail panic --generation 1 "${arguments[@]}" || return 1
	keys_open_disk || fail "the image does not open with its keys" || return 1
	seal_disk
	truncate -s 1M "$work/seal.img"
	seal_approve root 1
}

# keys_open_disk: whether the disk opens with the keys of the image.
keys_open_disk() {
	local key arguments=()
	for key in "${seal_keys[@]}"; do
		arguments+=(--key "tpm2:${key%%:*}=$work/keys/${key%%:*}")
	done
	builder verify "$work/root/root.json" --no-digest "${arguments[@]}" >"$work/verify.log" 2>&1
}

# Power for machine and TPM goes while it enrols; --long does many more of these.
row_cut_enrolment() {
	local writes=$((RANDOM % 8 + 1)) pause=$((RANDOM % 60))
	END=cut vm_cut="$(row_disk seal) $writes $pause"
	seal_give_keys
	echo "# the power goes $pause ms behind write $writes"
}

row_cut() {
	local units=$work/initrd/usr/lib/systemd/system
	SAYS='row: the power goes' KEEP=yes
	seal_give_keys
	cp "$boot_dir/guest/cut" "$work/initrd/"
	mkdir -p "$units/dmstack-unseal.service.d"
	printf '[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/bash /cut\n' \
		>"$units/row.service"
	printf '[Unit]\nWants=row.service\n' >"$units/dmstack-unseal.service.d/row.conf"
}

# The image's key is not given any more, and who has it has nothing.
row_resume() {
	END=root SAYS='plain: re-keyed; the key tpm2:root of before' KEEP=yes
}

row_again() {
	END=root SAYS='Finished dmstack-unseal.service'
}

after() {
	if keys_open_disk; then
		fail "the image's keys open the machine's disk"
		return 1
	fi
	grep -q 'MAC' "$work/verify.log" || fail "they do not fit for another reason"
}
