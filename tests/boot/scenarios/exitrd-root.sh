# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="the exitrd takes the root's layers down, and the file of the last second is there"
STACK=integrity-then-crypt
KEYS=(root:64)
TYPES="crypt integrity"
HOST_KNOWS=yes
# For the notice of the exitrd.
LOGLEVEL=6

# What is left is asked of dmsetup, by a program around the one that is under test.
wrap_exitrd() {
	local program library
	cd /run/initramfs || return 1
	mkdir -p real usr/bin usr/sbin
	mv shutdown real/shutdown
	for program in /usr/bin/bash /usr/sbin/dmsetup; do
		cp "$program" ".$program"
		for library in $(/lib64/ld-linux-x86-64.so.2 --list "$program" | grep -o '/[^ ]*'); do
			cp -L "$library" "$(realpath "./$(dirname "$library")")/"
		done
	done
	cat >shutdown <<-'END'
		#!/usr/bin/bash
		export PATH=/usr/bin:/usr/sbin
		mapfile -t mappings < <(dmsetup ls)
		echo "exitrd: mappings before: ${#mappings[@]}" >/dev/console
		/real/shutdown "$@"
		echo "exitrd: status $?, mappings left: $(dmsetup ls 2>&1)" >/dev/console
		exec /real/shutdown "$@"
	END
	chmod 755 shutdown
}

# What an initrd for this root has: the programs of the closure, and what they are linked with.
closure_names() {
	local kind path
	dmstack initrd-closure 2>/dev/null | while read -r kind path; do
		[ "$kind" = binary ] || continue
		/lib64/ld-linux-x86-64.so.2 --list "$path" | grep -o '/[^ ]*'
	done | sed 's|.*/||' | sort -u
}

exitrd_names() {
	find /run/initramfs -type f -path '*.so*' ! -name ld.so.cache -printf '%f\n' | sort -u
}

guest() {
	check_root "$NAME" "$TYPES"
	check "the exitrd is there" test -x /run/initramfs/shutdown
	show du -sk --apparent-size /run/initramfs
	show find /run/initramfs
	check "it has libraries" grep -qx 'libdevmapper.so.*' <(exitrd_names)
	check "and none that the closure has not" is "$(comm -23 <(exitrd_names) <(closure_names))" ""
	check "the exitrd is wrapped" wrap_exitrd
	guest_write_last /srv/kept
}

after() {
	local keys
	host "two mappings came to the exitrd" grep -aq 'exitrd: mappings before: 2' "$work/console.log" &&
		host "none is left" grep -aq 'exitrd: status 0, mappings left: No devices found' "$work/console.log" &&
		host "it says so" grep -aq 'dmstack.*exitrd: all layers are down, poweroff follows' "$work/console.log" ||
		return 1
	mapfile -t keys < <(key_arguments root)
	host "every tag is right" builder verify --no-digest "$work/root/root.json" "${keys[@]}" &&
		host_has_last root /srv/kept "${keys[@]}"
}
