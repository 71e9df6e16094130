# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
# Guests whose initrd is made by the distribution's own tool: a whole Debian tree, cached; in each
# scenario a copy of it with dmstack installed, in which dracut or update-initramfs runs.

distro_common=(
	systemd systemd-sysv udev kmod dmsetup util-linux mount e2fsprogs zstd cpio
	libjson-c5 libxxhash0 libisal2 libargon2-1 linux-image-cloud-amd64
)
declare -A distro_packages=(
	[trixie]="libssl3t64 libtss2-esys-3.0.2-0t64 libtss2-mu-4.0.1-0t64 libtss2-rc0t64 libtss2-tcti-device0t64"
	[bookworm]="libssl3 libtss2-esys-3.0.2-0 libtss2-mu0 libtss2-rc0 libtss2-tcti-device0"
	[dracut]="dracut"
	[recipe-initramfs-tools]="initramfs-tools busybox fdisk cryptsetup-bin grub-pc-bin grub2-common"
	[recipe-dracut]="dracut fdisk cryptsetup-bin grub-pc-bin grub2-common"
	[initramfs-tools]="initramfs-tools busybox"
)

# distro_ensure SUITE TOOL: makes the tree $distro_cache once for all who run at the same time.
distro_ensure() {
	local suite=$1 tool=$2 hash packages
	packages=("${distro_common[@]}")
	read -ra packages <<<"${packages[*]} ${distro_packages[$suite]} ${distro_packages[$tool]}"
	hash=$(printf '%s\n' "$suite" "${packages[@]}" | sha256sum)
	distro_cache=$(dirname "$boot_cache")/distro-$suite-$tool-${hash:0:16}
	(
		flock 9
		[ -d "$distro_cache" ] || distro_make "$suite" "${packages[@]}"
	) 9>"$distro_cache.lock"
}

distro_make() {
	local suite=$1
	shift
	rm -rf "$distro_cache".tmp.*
	if ! debian_make "$suite" "$distro_cache.tmp.$$" "$distro_cache.log" "$@"; then
		cat "$distro_cache.log" >&2
		rm -rf "$distro_cache.tmp.$$"
		return 1
	fi
	mv "$distro_cache.tmp.$$" "$distro_cache"
}

# distro_chroot TREE COMMAND...: as in a machine without devices, seen by nobody else.
distro_chroot() {
	unshare --mount --fork --pid --kill-child sh -c '
		mount --make-rprivate / && mount -t proc proc "$0/proc" &&
			mount -t sysfs -o ro sysfs "$0/sys" && mount -t tmpfs run "$0/run" &&
			mount -t tmpfs dev "$0/dev" || exit 1
		for node in null zero full random urandom; do
			touch "$0/dev/$node" && mount --bind "/dev/$node" "$0/dev/$node" || exit 1
		done
		ln -s /proc/self/fd "$0/dev/fd"
		exec chroot "$0" "$@"' \
		"$1" env -i PATH=/usr/sbin:/usr/bin LC_ALL=C.UTF-8 HOME=/root "${@:2}"
}

# distro_install CACHE: $work/tree with dmstack in it, and $distro_version of its kernel.
distro_install() {
	cp -a "$1" "$work/tree" &&
		meson install -C "$boot_build" --destdir "$work/tree" --no-rebuild --quiet \
			>"$work/install.log" 2>&1 || return 1
	distro_version=$(ls "$work/tree/usr/lib/modules")
	vm_kernel=$work/tree/boot/vmlinuz-$distro_version
	vm_memory=1024
	manifest_place=$work/tree/usr/lib/dmstack.d
}

# distro_prepare SUITE TOOL: as distro_install, and a small root file system made of it in
# $work/root-tree.
distro_prepare() {
	distro_tool=$2 distro_root_size=160M distro_boot_mode=ro,nofail
	distro_ensure "$1" "$2" && distro_install "$distro_cache" || return 1
	cp -a "$work/tree" "$work/root-tree" && tree_slim "$work/root-tree" &&
		tree_keep_modules "$work/tree" "$work/root-tree" "$distro_version" || return 1
	mkdir -p "$work/root-tree"/{mnt,srv}
}

# distro_root FILE: makes the image, when the scenario has put into $work/root-tree what it wants.
distro_root() {
	echo "/dev/disk/by-id/virtio-boot /boot ext4 $distro_boot_mode 0 0" >>"$work/root-tree/etc/fstab"
	truncate -s "$distro_root_size" "$1" &&
		mke2fs -q -t ext4 -b 4096 -m 0 -U "$boot_fs_uuid" -O ^resize_inode -J size=4 \
			-N 16384 -E root_owner=0:0 -d "$work/root-tree" "$1" &&
		rm -rf "$work/root-tree"
}

# distro_list FILE: the paths in an initrd of the tree, one a line.
distro_list() {
	case $distro_tool in
	dracut)
		# "MODE LINKS USER GROUP SIZE DATE PATH", and for a link "-> TARGET".
		distro_chroot "$work/tree" lsinitrd "$1" | grep '^[-dlcbps][-rwxsStT]* ' |
			sed 's/ -> .*//; s/.* //'
		;;
	*) distro_chroot "$work/tree" lsinitramfs "$1" ;;
	esac | LC_ALL=C sort -u
}

# distro_build FILE OPTION...: the distribution's tool makes the initrd.
distro_build() {
	local file=$1
	shift
	case $distro_tool in
	dracut)
		distro_chroot "$work/tree" dracut --force --reproducible --compress "zstd -1" \
			--kver "$distro_version" "$@" "$file"
		;;
	*) distro_chroot "$work/tree" mkinitramfs -o "$file" "$@" "$distro_version" ;;
	esac
}

# distro_test_module: puts dracut's module that reports on the shutdown into the tree.
distro_test_module() {
	mkdir -p "$work/tree/usr/lib/dracut/modules.d/99dmstack-test"
	cp "$boot_dir"/guest/dracut/* "$work/tree/usr/lib/dracut/modules.d/99dmstack-test/"
}

# distro_whole TREE: makes a system of a whole tree that boots without delay, and in which dracut makes
# initrds as distro_initrd does.
distro_whole() {
	local unit
	if [ "$distro_tool" = dracut ]; then
		distro_test_module
		printf '%s\n' 'compress="zstd -1"' 'add_dracutmodules+=" dmstack-test "' \
			>"$1/etc/dracut.conf.d/dmstack-test.conf"
	fi
	: >"$1/etc/fstab"
	: >"$1/etc/machine-id"
	for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
		fstrim.timer getty.target systemd-hwdb-update.service systemd-firstboot.service \
		systemd-journal-catalog-update.service ldconfig.service; do
		ln -sf /dev/null "$1/etc/systemd/system/$unit"
	done
}

# distro_initrd OPTION...: builds the initrd, as INITRD of the scenario and as the disk "boot", where
# the shutdown finds it.
distro_initrd() {
	local file=/boot/initrd.img-$distro_version
	if [ "$distro_tool" = dracut ]; then
		distro_test_module
		set -- --add dmstack-test "$@"
	fi
	host "the initrd is built by $distro_tool" distro_build "$file" "$@" || return 1
	INITRD=$work/tree$file
	mkdir "$work/boot" && cp "$INITRD" "$work/boot/" && truncate -s 64M "$work/boot.img" &&
		mke2fs -q -t ext4 -b 4096 -O ^has_journal -d "$work/boot" "$work/boot.img" &&
		DISKS+=("$work/boot.img:boot:ro")
}

# distro_added_is_closure OPTION...: against an initrd without dmstack, the one with it has what the
# closure names, the modules and libraries that those depend on, and nothing else.
distro_added_is_closure() {
	local plain=/boot/plain.img bytes item
	if [ "$distro_tool" = dracut ]; then
		set -- --omit dmstack --add dmstack-test "$@"
	else
		mv "$work/tree/usr/share/initramfs-tools" "$work/tree/usr/share/initramfs-tools.all"
		cp -a "$work/tree/usr/share/initramfs-tools.all" "$work/tree/usr/share/initramfs-tools"
		rm "$work/tree/usr/share/initramfs-tools/hooks/dmstack" \
			"$work/tree/usr/share/initramfs-tools/scripts/local-top/dmstack"
	fi
	host "an initrd is built without dmstack" distro_build "$plain" "$@" || return 1
	if [ "$distro_tool" != dracut ]; then
		rm -r "$work/tree/usr/share/initramfs-tools"
		mv "$work/tree/usr/share/initramfs-tools.all" "$work/tree/usr/share/initramfs-tools"
	fi
	distro_list "$plain" >"$work/plain.list"
	distro_list "/boot/initrd.img-$distro_version" >"$work/with.list"
	bytes=$(($(stat -c %s "$INITRD") - $(stat -c %s "$work/tree$plain")))
	echo "# dmstack adds $bytes bytes to an initrd of $(stat -c %s "$work/tree$plain")" | tee -a "$work/host.log"
	LC_ALL=C comm -13 "$work/plain.list" "$work/with.list" | while read -r item; do
		[ ! -d "$work/tree/$item" ] || [ -L "$work/tree/$item" ] || continue
		echo "$item"
	done >"$work/added.list"
	distro_expected >"$work/expected.list"
	host "what was added is the closure" diff <(LC_ALL=C comm -23 "$work/added.list" "$work/expected.list") /dev/null &&
		host "it has no lvm, md or cryptsetup of ours" \
			distro_lacks "$work/added.list" 'lvm|mdadm|cryptsetup|integritysetup|veritysetup|raid' &&
		host "all that the closure names is there" diff <(distro_named | LC_ALL=C comm -23 - "$work/with.list") /dev/null
}

distro_lacks() {
	! grep -E "$2" "$1"
}

# The files of the closure as the initrd has them: the folders of Debian are merged below /usr.
distro_named() {
	distro_chroot "$work/tree" dmstack initrd-closure --kernel "$distro_version" 2>/dev/null |
		while read -r kind path; do
			case $kind in
			unit | systemd) [ "$distro_tool" = dracut ] && echo "${path#/}" ;;
			binary | library | udev-rule | config | manifest | signature | certificate) echo "${path#/}" ;;
			esac
		done | LC_ALL=C sort -u
}

# What may come with dmstack: the closure, the libraries of its programs, its modules with all that
# they need, and what the integration itself consists of.
distro_expected() {
	local kind path link
	{
		distro_named
		distro_chroot "$work/tree" dmstack initrd-closure --kernel "$distro_version" 2>/dev/null |
			while read -r kind path; do
				case $kind in
				module)
					distro_chroot "$work/tree" modprobe -S "$distro_version" --show-depends "$path" |
						sed -n 's|^insmod /\([^ ]*\).*|\1|p' | sed 's|^lib/|usr/lib/|'
					;;
				binary | systemd)
					path=$(distro_chroot "$work/tree" realpath "$path")
					echo "${path#/}"
					distro_chroot "$work/tree" ldd "$path" 2>/dev/null | grep -o '/[^ ]*' |
						while read -r link; do
							for link in "$link" "$(distro_chroot "$work/tree" realpath "$link")"; do
								case $link in /lib*) link=/usr$link ;; esac
								echo "${link#/}"
							done
						done
					;;
				esac
			done
		printf '%s\n' usr/sbin/logsave etc/initrd-release scripts/local-top scripts/local-top/dmstack scripts/local-top/ORDER \
			usr/lib/dracut/hooks/pre-pivot/80-dmstack-need-shutdown.sh \
			usr/lib/dracut/hooks/shutdown/20-dmstack-shutdown.sh \
			var/lib/dracut/hooks/pre-pivot/80-dmstack-need-shutdown.sh \
			var/lib/dracut/hooks/shutdown/20-dmstack-shutdown.sh
	} | LC_ALL=C sort -u
}
