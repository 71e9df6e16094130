# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
# The recipes of dmstack-recipes(7), typed in: a whole Debian system on a plain disk runs the commands
# of the manual at the serial console, and then the machine boots from the disk that they made.

# recipe_prepare TOOL HEADING ASSIGNMENT...: the system that moves, as the first disk, an empty second
# one of $recipe_disk, and the commands; the assignments take the place of the recipe's first block.
recipe_prepare() {
	local tool=$1 heading=$2 run options=()
	shift 2
	distro_tool=${tool#recipe-}
	distro_ensure trixie "$tool" && distro_install "$distro_cache" || return 1
	distro_whole "$work/tree"
	[ "$distro_tool" != dracut ] || options+=(--no-hostonly)
	host "the initrd of the old system is built" distro_build "/boot/initrd.img-$distro_version" \
		"${options[@]}" || return 1
	INITRD=$work/tree/boot/initrd.img-$distro_version
	CMDLINE="root=/dev/disk/by-id/virtio-old rw"
	recipe_grub
	run=$work/tree/usr/lib/dmstack-test
	mkdir -p "$run"
	host "the recipe is there" python3 "$boot_dir/lib/recipe.py" \
		"$source_dir/man/dmstack-recipes.7.scd" "$heading" "$run/recipe" "$@" || return 1
	scenario_run_folder 0 "$work/carried"
	cp "$work/carried/dmstack-test"/* "$run/"
	cp -a "$work/carried/systemd/system/." "$work/tree/etc/systemd/system/"
	mkdir -p "$work/tree/etc/systemd/journald.conf.d" "$work/tree/etc/systemd/system/dmstack-test.service.d"
	cp "$work/carried/systemd/journald.conf.d/serial.conf" "$work/tree/etc/systemd/journald.conf.d/"
	cat >"$work/tree/etc/systemd/system/dmstack-test.service.d/recipe.conf" <<-END
		[Service]
		ExecStartPre=/bin/cp -a /usr/lib/dmstack-test /run/
		StandardInput=tty
		StandardOutput=journal
		StandardError=journal
		TTYPath=/dev/ttyS0
	END
	truncate -s 768M "$work/old.img" && truncate -s "$recipe_disk" "$work/new.img" &&
		mke2fs -q -t ext4 -b 4096 -m 0 -O ^resize_inode -J size=4 -E root_owner=0:0 \
			-d "$work/tree" "$work/old.img" &&
		DISKS=("$work/old.img:old" "$work/new.img:new")
}

# recipe_grub: what GRUB says in the new system, which has no screen.
recipe_grub() {
	cat >"$work/tree/etc/default/grub" <<-END
		GRUB_TIMEOUT=0
		GRUB_TERMINAL=console
		GRUB_DISABLE_OS_PROBER=true
		GRUB_CMDLINE_LINUX_DEFAULT="$(CMDLINE='' scenario_cmdline)"
	END
}

# recipe_before_boot BOOT: from the second on, only the new disk is in the machine.
recipe_before_boot() {
	[ "$1" = 1 ] || {
		vm_from_disk=yes
		DISKS=("$work/new.img:new")
	}
}
