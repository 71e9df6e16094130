# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="power goes twice while a machine enrols or seals anew: it boots, and never has both phases"
TIMEOUT=300
TPM=yes
rounds=${DMSTACK_BOOT_ROUNDS:-15}

# It seals anew at each boot.
prepare() {
	local arguments
	seal_signers && mapfile -t arguments < <(seal_arguments ",rotate=boot") || return 1
	rows_stack root --fail panic --generation 1 "${arguments[@]}" || return 1
	seal_disk
	seal_approve root 1 || return 1
	# Until it is enrolled it may need them at any boot.
	seal_give_keys
}

# begin_anew: a machine that was never switched on.
begin_anew() {
	rm -rf "$work/tpm" "$work/tpm.rows"
	mkdir "$work/tpm" "$work/tpm.rows"
	truncate -s 0 "$(row_disk seal)"
	truncate -s 128K "$(row_disk seal)"
}

row_cut() {
	[ "$fresh" = no ] || begin_anew
	END=cut vm_cut="$(row_disk seal) $writes $pause"
}

row_boots() {
	END=root SAYS='Finished dmstack-unseal.service' KEEP=yes
}

row_bootstrap() {
	END=shell SAYS='this machine is enrolled, so there is no bootstrap phase any more'
	edit_manifest 'm["phase"] = "bootstrap"'
	rm -r "$manifest_place/root.json.p7s" "$work/initrd/usr/lib/dmstack/keys.d"
}

# slots: how many slots there are, so that one sees where the cut was.
slots() {
	python3 -c 'import sys
print(open(sys.argv[1], "rb").read().count(b"DMSTPM01"))' "$work/seal.img"
}

# cut FRESH WRITES: sealing anew writes the disk and the counter, an enrolment some more.
cut() {
	local fresh=$1 writes=$((RANDOM % $2 + 1)) pause=$((RANDOM % 60))
	row_boot cut || return 1
	echo "# round $round: $vm_was_cut $pause ms behind write $writes, new machine: $fresh; $(slots) slots"
}

boots() {
	local round
	rows_begin
	for ((round = 1; round <= rounds; round++)); do
		if [ $((round % 3)) -eq 0 ]; then
			cut no 3 || return 1
		else
			cut yes 10 || return 1
		fi
		cut no 5 || return 1
		row_boot boots || fail "it does not boot after round $round" || return 1
		[ $((round % 5)) -ne 0 ] || row_boot bootstrap || return 1
	done
}
