#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck disable=SC2154
# dracut module for stacks of device-mapper layers. What goes in is what "dmstack initrd-closure"
# lists, and nothing else; it needs an initrd with systemd.

# The list, for the kernel that dracut is at. The words of the running kernel say something only
# about an initrd for this machine.
dmstack_closure() {
	local words=${kernel_cmdline-} file
	for file in "${dracutsysrootdir-}"/etc/kernel/cmdline "${dracutsysrootdir-}"/usr/lib/kernel/cmdline; do
		[[ ! -r $file ]] || { words+=" $(<"$file")" && break; }
	done
	[[ ! ${hostonly-} || ${dracutsysrootdir-} || ! -r /proc/cmdline ]] ||
		words+=" $(</proc/cmdline)"
	dmstack initrd-closure ${dracutsysrootdir:+--root "$dracutsysrootdir"} \
		--kernel "$kernel" --cmdline "$words"
}

# called by dracut: 255 leaves the module out unless somebody asks for it. What is wrong with the
# configuration shall end the build, which only installing can do.
check() {
	local list
	require_binaries dmstack || return 1
	list=$(dmstack_closure 2>/dev/null) || return 0
	[[ $list ]] || return 255
}

# called by dracut
depends() {
	echo systemd-initrd shutdown
}

# called by dracut
installkernel() {
	local list kind item modules=()
	list=$(dmstack_closure 2>/dev/null) || {
		dfatal "dmstack initrd-closure failed"
		return 1
	}
	while read -r kind item; do
		[[ $kind != module ]] || modules+=("$item")
	done <<<"$list"
	# All of them were chosen with care: dracut's own choice for this machine would drop some.
	[[ ${#modules[@]} -eq 0 ]] || hostonly='' instmods -c "${modules[@]}"
}

# called by dracut, which does not look at what this returns: only exit ends the build.
install() {
	local list kind item
	list=$(dmstack_closure) || {
		dfatal "dmstack initrd-closure failed"
		exit 1
	}
	while read -r kind item; do
		case $kind in
		binary | systemd) inst_binary "$item" ;;
		library) inst "$item" ;;
		unit | udev-rule | config | manifest | signature | certificate) inst_simple "$item" ;;
		stack | module | key | "") ;;
		*)
			dfatal "dmstack initrd-closure lists a $kind, which this module does not know"
			exit 1
			;;
		esac || {
			dfatal "dmstack: $item cannot be installed"
			exit 1
		}
	done <<<"$list"
	# At shutdown the root's own stack is taken down from here.
	inst_hook pre-pivot 80 "$moddir/dmstack-need-shutdown.sh"
	inst_hook shutdown 20 "$moddir/dmstack-shutdown.sh"
}
