# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="a root whose integrity superblock was changed is not mounted"
FS=squashfs
READ_ONLY=yes
EXPECT_EMERGENCY=yes
FORBID='mismatch|BUG: |Oops|Call Trace|Kernel panic|[Oo]rdering cycle'

prepare() {
	stack_create "$boot_work/root.squashfs" root --stack integrity-only --mount / || return 1
	# The low byte of the tag size.
	python3 "$boot_dir/lib/flip.py" byte "$work/root/root.data.img" 10
}

guest_emergency() {
	refuse "there is no mapping" test -e /dev/mapper/root
	check "no root is mounted" is "$(findmnt -n -o SOURCE /sysroot)" ""
	check "the layer failed" is "$(systemctl show -P Result dmstack@root.service)" exit-code
	check "the journal says why" sh -c "journalctl -b -u dmstack@root.service | grep -i superblock"
}

guest() {
	refuse "the machine came up" true
}
