# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
# Guests in which a newer kernel is installed: a whole tree with dpkg and the distribution's initrd
# tool, on the second newest kernel that the archive has, and the package of the newest beside it.

upgrade_place=/var/cache/dmstack-test

# upgrade_ensure SUITE TOOL: as distro_ensure, with the two kernels.
upgrade_ensure() {
	local hash
	distro_ensure "$1" "$2" || return 1
	hash=$(sha256sum <"${BASH_SOURCE[0]}")
	upgrade_cache=$distro_cache-upgrade-${hash:0:16}
	(
		flock 9
		[ -d "$upgrade_cache" ] && exit 0
		rm -rf "$upgrade_cache".tmp.*
		if ! upgrade_make "$upgrade_cache.tmp.$$" >"$upgrade_cache.log" 2>&1 </dev/null; then
			cat "$upgrade_cache.log" >&2
			rm -rf "$upgrade_cache.tmp.$$"
			exit 1
		fi
		mv "$upgrade_cache.tmp.$$" "$upgrade_cache"
	) 9>"$upgrade_cache.lock"
}

# upgrade_make TREE: takes the newest kernel out of the tree and puts the one before it in.
upgrade_make() {
	cp -a "$distro_cache" "$1" && cp -L /etc/resolv.conf "$1/etc/resolv.conf" || return 1
	# shellcheck disable=SC2016
	distro_chroot "$1" sh -ec '
		place=$1
		apt-get update -q
		set -- $(apt-cache pkgnames linux-image- | grep -E "^linux-image-[0-9].*-cloud-amd64$" |
			sort -V | tail -n 2)
		echo "kernels: $*"
		[ $# -eq 2 ]
		mkdir -p "$place"
		cd "$place"
		# The archive keeps kernels that no package asks for any more; _apt cannot write here.
		apt-get download -q -o APT::Sandbox::User=root "$1" "$2"
		export DEBIAN_FRONTEND=noninteractive INITRD=No
		dpkg -i "$1"_*.deb
		dpkg --purge linux-image-cloud-amd64 "$2"
		rm "$1"_*.deb
		apt-get clean
		rm -rf /var/lib/apt/lists/* /boot/initrd.img-*
		mkdir -p /var/lib/apt/lists/partial' sh "$upgrade_place" &&
		rm -f "$1/etc/resolv.conf"
}

# upgrade_prepare SUITE TOOL: $work/tree with dmstack, and $work/root-tree, which is the same whole
# tree as a system that boots quickly.
upgrade_prepare() {
	distro_tool=$2 distro_root_size=512M distro_boot_mode=defaults
	upgrade_ensure "$1" "$2" && distro_install "$upgrade_cache" || return 1
	upgrade_to=$(cd "$work/tree$upgrade_place" && echo linux-image-*_*.deb)
	upgrade_to=${upgrade_to#linux-image-} upgrade_to=${upgrade_to%%_*}
	distro_whole "$work/tree"
	cp -a "$work/tree" "$work/root-tree" && rm -rf "${work:?}/root-tree/boot" &&
		mkdir -p "$work/root-tree"/{boot,mnt,srv}
}

# upgrade_initrd OPTION...: the first initrd is built here, as by an installer; /boot is a disk of its
# own that the guest writes to.
upgrade_initrd() {
	host "the first initrd is built by $distro_tool" \
		distro_build "/boot/initrd.img-$distro_version" "$@" || return 1
	INITRD=$work/tree/boot/initrd.img-$distro_version
	truncate -s 256M "$work/boot.img" &&
		mke2fs -q -t ext4 -b 4096 -d "$work/tree/boot" "$work/boot.img" &&
		DISKS+=("$work/boot.img:boot")
}

# upgrade_take: what a boot loader would start now is read from the guest's /boot.
upgrade_take() {
	local file
	rm -rf "$work/next" && mkdir "$work/next"
	for file in "vmlinuz-$upgrade_to" "initrd.img-$upgrade_to"; do
		host "/boot has $file" \
			sh -c 'debugfs -R "dump /$1 $2/$1" "$3" && test -s "$2/$1"' sh \
			"$file" "$work/next" "$work/boot.img" || return 1
	done
	vm_kernel=$work/next/vmlinuz-$upgrade_to
	INITRD=$work/next/initrd.img-$upgrade_to
}
