# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
# The Debian tree of the boot tests, made once and cached, and what is derived from it:
# the kernel, a slim tree with only what the guest uses, and the base of the initrd.

tree_suite=trixie
declare -A tree_packages=(
	[all]="systemd systemd-sysv udev kmod dmsetup util-linux mount e2fsprogs
		libjson-c5 libxxhash0 libisal2 libfdisk1 cryptsetup-bin
		linux-image-cloud-amd64 tiny-initramfs"
	[trixie]="libssl3t64 systemd-cryptsetup libtss2-esys-3.0.2-0t64 libtss2-mu-4.0.1-0t64
		libtss2-rc0t64 libtss2-tcti-device0t64"
	[bookworm]="libssl3 libtss2-esys-3.0.2-0 libtss2-mu0 libtss2-rc0 libtss2-tcti-device0"
)
tree_modules=(
	virtio_blk virtio_rng virtio_pci ext4 squashfs erofs loop autofs4
	dm-mod dm-crypt dm-integrity dm-verity dm-bufio dm-raid raid1
	xts essiv cbc ctr hmac authenc gcm ghash-generic ccm chacha20poly1305 chacha_generic poly1305_generic adiantum
	crc32c-intel xxhash_generic
	algif_skcipher tpm_crb
)

# tree_slim DIR: removes from the copy in DIR what no guest of ours uses.
tree_slim() {
	local dir=$1
	rm -rf "${dir:?}"/boot/* "$dir"/var/lib/{apt,dpkg,tiny-initramfs} "$dir"/var/{cache,log}/* \
		"$dir"/var/lib/systemd/{catalog,deb-systemd-helper-enabled} "${dir:?}"/usr/share/* \
		"$dir"/usr/lib/{apt,dpkg,locale,python3,sysctl.d,tmpfiles.d/legacy.conf} \
		"$dir"/usr/lib/udev/{hwdb.bin,hwdb.d} "$dir"/usr/lib/systemd/catalog \
		"$dir"/usr/lib/x86_64-linux-gnu/{gconv,perl-base,libapt-*,libdb-*,libstdc++*,libsqlite3*} \
		"$dir"/usr/lib/systemd/{user,user-generators,user-preset,network,boot,ntp-units.d} \
		"$dir"/usr/lib/systemd/systemd-{networkd*,network-generator,homed,localed,timedated} \
		"$dir"/usr/lib/systemd/systemd-{storagetm,pcrlock,rfkill,backlight,bsod,pstore} \
		"$dir"/usr/bin/{perl*,apt*,dpkg*,sqv,debconf*,deb-*,networkctl} \
		"$dir"/usr/sbin/{iconvconfig,debugfs,resize2fs,dpkg*,e4*,tune2fs,dumpe2fs} \
		"$dir"/usr/lib/udev/rules.d/{60-{cdrom_id,drm,evdev,fido-id,infiniband,input-id,persistent-alsa,persistent-input,persistent-storage-mtd,persistent-storage-tape,persistent-v4l,sensor,serial}.rules,7[0-8]-*.rules,80-net*,81-net*,9[06]-*} \
		"$dir"/usr/lib/udev/rules.d/{50-firmware,60-autosuspend,60-dmi-id,64-btrfs,80-debian-compat}.rules \
		"$dir"/usr/lib/systemd/system-generators/systemd-{gpt-auto,run,rc-local,ssh,sysv,system-update,hibernate-resume,getty}-generator \
		"$dir"/etc/{apt,dpkg,init.d,rc*.d,cron.*,logrotate.d,initramfs-tools,kernel}
	local unit
	for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
		fstrim.timer e2scrub_reap.service getty.target systemd-networkd.service \
		systemd-network-generator.service systemd-logind.service \
		systemd-hwdb-update.service systemd-journal-catalog-update.service \
		ldconfig.service systemd-pstore.service remote-fs.target systemd-sysext.socket \
		systemd-firstboot.service systemd-networkd.socket dbus.socket \
		systemd-user-sessions.service systemd-ask-password-wall.path \
		systemd-tpm2-setup.service systemd-tpm2-setup-early.service \
		systemd-pcrlock.socket systemd-update-done.service getty-static.service \
		dev-hugepages.mount dev-mqueue.mount proc-sys-fs-binfmt_misc.automount \
		systemd-binfmt.service sys-fs-fuse-connections.mount sys-kernel-config.mount \
		sys-kernel-debug.mount sys-kernel-tracing.mount run-lock.mount \
		systemd-hostnamed.socket systemd-initctl.socket systemd-creds.socket \
		systemd-hibernate-clear.service systemd-machine-id-commit.service \
		systemd-random-seed.service systemd-sysusers.service \
		systemd-tmpfiles-clean.timer systemd-battery-check.service; do
		find "$dir"/etc/systemd "$dir"/usr/lib/systemd/system -path '*.wants/*' \
			-name "$unit" -delete
	done
	tree_trigger "$dir"
	rm -f "$dir"/etc/fstab "$dir"/etc/machine-id "$dir"/etc/resolv.conf
	: >"$dir"/etc/machine-id
	echo dmstack-test >"$dir"/etc/hostname
}

# tree_trigger DIR: the coldplug asks for no event of the terminals. They are most of all devices, nothing
# here waits for one, and udev spends seconds on them under emulation, in the initrd and again in the root.
tree_trigger() {
	local unit=$1/usr/lib/systemd/system/systemd-udev-trigger.service
	sed -i 's/^ExecStart=.*udevadm trigger .*/& --subsystem-nomatch=tty --subsystem-nomatch=vc/' "$unit"
}

# tree_keep_modules TREE DIR VERSION: leaves in DIR only the wanted modules and their closure,
# uncompressed, because a guest under emulation would spend seconds on xz.
tree_keep_modules() {
	local tree=$1 dir=$2 version=$3 module path
	rm -rf "$dir/usr/lib/modules"
	for module in "${tree_modules[@]}"; do
		modprobe -d "$tree" -S "$version" --show-depends "$module" 2>/dev/null || :
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u | while read -r path; do
		path=${path#"$tree"}
		install -D -m 644 "$tree/$path" "$dir/$path"
		case $path in *.xz) xz -d "$dir/$path" ;; esac
	done
	for module in dm-mod dm-crypt dm-integrity dm-verity virtio_blk; do
		if ! find "$dir/usr/lib/modules/$version" -name "$module.ko" | grep -q .; then
			echo "boot: the kernel has no module $module" >&2
			return 1
		fi
	done
	cp "$tree/usr/lib/modules/$version"/modules.{order,builtin,builtin.modinfo} \
		"$dir/usr/lib/modules/$version/" &&
		depmod -b "$dir" "$version"
}

# tree_initrd DIR: turns the copy in DIR into a systemd initrd.
tree_initrd() {
	local dir=$1
	rm -rf "$dir"/usr/lib/x86_64-linux-gnu/security "$dir"/usr/bin/{localectl,timedatectl,bootctl}
	cp "$dir/usr/lib/os-release" "$dir/etc/initrd-release"
	ln -sf usr/lib/systemd/systemd "$dir/init"
	ln -sf initrd.target "$dir/usr/lib/systemd/system/default.target"
	mkdir -p "$dir/sysroot"
}

# tree_make CACHE: makes everything in CACHE, which appears whole or not at all. Needs root.
tree_make() {
	local cache=$1 work=$1.tmp.$$ packages
	read -ra packages -d "" <<<"${tree_packages[all]} ${tree_packages[$tree_suite]}"
	# Under the lock: what another one left here was interrupted.
	rm -rf "$cache".tmp.*
	mkdir -p "$work"
	echo "# making the Debian tree of the guests ($tree_suite; once; kept in $cache)"
	if ! debian_make "$tree_suite" "$work/tree" "$work/mmdebstrap.log" "${packages[@]}"; then
		cat "$work/mmdebstrap.log" >&2
		rm -rf "$work"
		return 1
	fi
	if ! tree_derive "$work"; then
		echo "boot: what the guests need could not be made of the Debian tree" >&2
		rm -rf "$work"
		return 1
	fi
	rm -rf "$cache"
	mv "$work" "$cache"
}

# tree_derive WORK: kernel, slim tree and initrd of the Debian tree in WORK.
tree_derive() {
	local work=$1 version
	version=$(ls "$work/tree/usr/lib/modules") &&
		cp "$work/tree/boot/vmlinuz-$version" "$work/vmlinuz" &&
		cp -a "$work/tree" "$work/slim" &&
		tree_slim "$work/slim" &&
		tree_keep_modules "$work/tree" "$work/slim" "$version" &&
		cp -a "$work/slim" "$work/initrd" &&
		tree_initrd "$work/initrd" || return 1
	(
		set -o pipefail
		cd "$work/initrd" && find . -xdev | LC_ALL=C sort | cpio -o -H newc --quiet
	) >"$work/base.cpio" || return 1
	truncate -s %512 "$work/base.cpio"
	rm -rf "$work/initrd" "$work/tree"
}

# tree_cache: prints the folder of the cache; its name carries a hash of this recipe.
tree_cache() {
	local hash
	hash=$(cat "${BASH_SOURCE[0]}" "$boot_dir/lib/debian.sh" | sha256sum)
	echo "${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/dmstack/boot-$tree_suite-${hash:0:16}"
}

# tree_ensure: makes boot_cache if it is not there, once for all who run at the same time.
tree_ensure() {
	mkdir -p "$(dirname "$boot_cache")"
	(
		flock 9
		[ -f "$boot_cache/base.cpio" ] || tree_make "$boot_cache"
	) 9>"$boot_cache.lock"
}
