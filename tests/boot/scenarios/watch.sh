# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="damage that a live layer finds is in the journal with its fields, and starts a unit"
FORBID='BUG: |Oops|Call Trace|Kernel panic|[Oo]rdering cycle'

prepare() {
	local option=(--layer-option)
	prepare_default
	in_host
	small_fs "$work/data.ext4" 4
	stack_create "$work/data.ext4" tags --stack integrity-only "${option[@]}" tags.noauto \
		"${option[@]}" tags.damage-unit=alarm@tags.service || return 1
	stack_create "$work/data.ext4" tree --stack verity-only "${option[@]}" tree.noauto \
		"${option[@]}" tree.damage-unit=alarm@tree.service || return 1
	block=$(python3 "$boot_dir/lib/flip.py" data "$work/tree/tree.data.img" "$work/data.ext4") ||
		return 1
	python3 "$boot_dir/lib/flip.py" data "$work/tags/tags.data.img" "$work/data.ext4" \
		>"$work/tags.block" || return 1
	echo "$block" >"$work/initrd/dmstack-test/run/tree.block"
	mkdir -p "$work/initrd/dmstack-test/run/systemd/system"
	printf '[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=touch /run/alarm-%%i\n' \
		>"$work/initrd/dmstack-test/run/systemd/system/alarm@.service"
}

# entries LAYER EVENT: how many the journal has.
entries() {
	journalctl -b -o cat --output-fields=MESSAGE "DMSTACK_LAYER=$1" "DMSTACK_EVENT=$2" | wc -l
}

has_entry() {
	[ "$(entries "$1" "$2")" -gt 0 ]
}

has_block() {
	[ -n "$(journalctl -b -o cat "DMSTACK_LAYER=$1" "DMSTACK_BLOCK=$2")" ]
}

field() {
	journalctl -b -n 1 -o verbose "DMSTACK_LAYER=$1" "DMSTACK_EVENT=$2" | sed -n "s/^ *$3=//p"
}

guest() {
	check "the layer comes up" dmstack attach tree
	systemctl start dmstack-watch.service
	check "the watch runs" is "$(systemctl is-active dmstack-watch.service)" active
	refuse "a damaged block of verity is not read" reads_whole /dev/mapper/tree
	check "the journal has it" wait_until has_entry tree corrupted
	check "with the number of the block" wait_until has_block tree "$(cat /run/tree.block)"
	check "and the area" is "$(field tree corrupted DMSTACK_AREA)" data
	check "and its MESSAGE_ID" is "$(field tree corrupted MESSAGE_ID)" \
		c2e427c49a014d02a814b1527666faaf
	check "its unit was started" wait_until test -e /run/alarm-tree
	refuse "that of the other layer was not" test -e /run/alarm-tags
	# Whoever probes the new device may find the damage already.
	check "another layer comes up while it watches" dmstack attach tags
	refuse "a damaged block of integrity is not read" reads_whole /dev/mapper/tags
	check "the journal has that, too" wait_until has_entry tags mismatch
	check "with a count that the kernel has reached" is \
		"$(($(field tags mismatch DMSTACK_COUNT) <= $(dmsetup status tags | cut -d' ' -f4)))" 1
	check "and its unit was started" wait_until test -e /run/alarm-tags
	refuse "watch --once says so by its status" dmstack watch --once
	check "one layer only" is "$(dmstack watch --once tags >/dev/null 2>&1; echo $?)" 1
	check "a layer goes" dmstack detach tags
	check "the journal has that as well" wait_until has_entry tags gone
	check "the watch still runs" is "$(systemctl is-active dmstack-watch.service)" active
	check "and stops" systemctl stop dmstack-watch.service
	check "without a fault" is "$(systemctl show -P Result dmstack-watch.service)" success
	dmstack detach tree
}
