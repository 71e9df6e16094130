# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="fail=poweroff: a PIN from a credential, and wrong ones until the TPM takes none"
TIMEOUT=300
TPM=yes
ROWS=(enrol right wrong wrong-again wrong-last locked)

prepare() {
	local arguments
	seal_signers && mapfile -t arguments < <(seal_arguments ",pin=yes") || return 1
	rows_stack root --fail poweroff --generation 1 "${arguments[@]}" || return 1
	seal_disk
	seal_approve root 1
}

# pin WORD: what the firmware's tables hand over.
pin() {
	vm_extra=(-smbios "type=11,value=io.systemd.credential:dmstack.pin=$1")
	KEEP=yes
}

row_enrol() {
	END=root SAYS='not enrolled yet, and enrols itself'
	seal_give_keys
	pin 24-07
}

row_right() {
	END=root SAYS='Finished dmstack-unseal.service'
	pin 24-07
}

row_wrong() {
	END=poweroff SAYS='sealed: BAD-PIN: .*; poweroff follows'
	pin 24-08
}

row_wrong_again() {
	row_wrong
}

# The software TPM takes three.
row_wrong_last() {
	row_wrong
}

row_locked() {
	END=poweroff SAYS='sealed: DA-LOCKOUT: .*; poweroff follows'
	pin 24-07
}
