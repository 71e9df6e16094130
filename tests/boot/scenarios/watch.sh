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

# has_entry FIELD=VALUE...: the journal has an entry with all of these. It may be written just now.
has_entry() {
	[ -n "$(journalctl -b -o cat "$@")" ]
}

# A count that the kernel has reached, and not another one.
has_count() {
	local n
	n=$(journalctl -b -o verbose DMSTACK_LAYER=tags | sed -n 's/^ *DMSTACK_COUNT=//p' | tail -n 1)
	[ "${n:-0}" -gt 0 ] && [ "$n" -le "$(dmsetup status tags | cut -d' ' -f4)" ]
}

guest() {
	check "the layer comes up" dmstack attach tree
	check "the watch was started, since there are damage units" is "$(systemctl is-active dmstack-watch.service)" active
	refuse "a damaged block of verity is not read" reads_whole /dev/mapper/tree
	check "the journal has it, with the number of the block" wait_until has_entry \
		DMSTACK_LAYER=tree DMSTACK_EVENT=corrupted "DMSTACK_BLOCK=$(cat /run/tree.block)" \
		DMSTACK_AREA=data DMSTACK_TARGET=verity PRIORITY=3 SYSLOG_IDENTIFIER=dmstack \
		MESSAGE_ID=c2e427c49a014d02a814b1527666faaf
	refuse "but not with another block" has_entry DMSTACK_LAYER=tree DMSTACK_BLOCK=1
	check "its unit was started" wait_until test -e /run/alarm-tree
	refuse "that of the other layer was not" test -e /run/alarm-tags
	# Whoever probes the new device may find the damage already.
	check "another layer comes up while it watches" dmstack attach tags
	refuse "a damaged block of integrity is not read" reads_whole /dev/mapper/tags
	check "the journal has that, too" wait_until has_entry DMSTACK_LAYER=tags \
		DMSTACK_EVENT=mismatch MESSAGE_ID=2e193c3d2c4e4f318cc104c9dea6c7dd
	check "with a count that the kernel has reached" wait_until has_count
	check "and its unit was started" wait_until test -e /run/alarm-tags
	refuse "watch --once says so by its status" dmstack watch --once
	check "one layer only" is "$(dmstack watch --once tags >/dev/null 2>&1; echo $?)" 1
	check "a layer goes" dmstack detach tags
	check "the journal has that as well" wait_until has_entry DMSTACK_LAYER=tags \
		DMSTACK_EVENT=gone
	check "the watch still runs" is "$(systemctl is-active dmstack-watch.service)" active
	check "and stops" systemctl stop dmstack-watch.service
	check "without a fault" is "$(systemctl show -P Result dmstack-watch.service)" success
	dmstack detach tree
}
