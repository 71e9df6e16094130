# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="fail=halt halts, and in the bootstrap phase the same faults are failed units and a shell"
TIMEOUT=300
ROWS=(halt-superblock bootstrap-missing)
ALL_ROWS=(halt-mount halt-missing bootstrap-superblock)

prepare() {
	rows_stack root --fail halt --layer verity
}

row_halt_missing() {
	END=halt SAYS='sealed: a unit failed, or a shell was asked for; halt follows'
	row_without root
}

row_halt_superblock() {
	END=halt SAYS='sealed: root: .*; halt follows'
	python3 "$boot_dir/lib/flip.py" byte "$(row_disk root-hash)" 32
}

row_halt_mount() {
	END=halt SAYS='sealed: a unit failed, or a shell was asked for; halt follows'
	edit_manifest 'm["mount"]["type"] = "ext4"'
}

row_bootstrap_missing() {
	END=shell SAYS='Dependency failed for dmstack@root.service'
	edit_manifest 'm["phase"] = "bootstrap"'
	row_without root
}

row_bootstrap_superblock() {
	END=shell SAYS='dmstack@root.service: Failed with result .exit-code'
	edit_manifest 'm["phase"] = "bootstrap"'
	python3 "$boot_dir/lib/flip.py" byte "$(row_disk root-hash)" 32
}
