# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
# The parts of a guest that hold dmstack itself: what meson installs, the root file systems and
# the piece of the initrd; made once per run from the slim tree.

boot_fs_uuid=6a1f5c1e-0d2b-4c55-9d7e-3b4f0c1d2e3f

# images_install BUILD DEST: installs the build and checks that its programs run in the guest.
images_install() {
	local build=$1 dest=$2 program
	meson install -C "$build" --destdir "$(realpath -m "$dest")" --no-rebuild --quiet >"$dest.log" 2>&1 || {
		cat "$dest.log" >&2
		return 1
	}
	rm -rf "${dest:?}/usr/share" "${dest:?}/usr/include"
	while read -r program; do
		if ! images_libraries "$program" "$dest"; then
			echo "boot: $program does not run in the guest's tree" >&2
			return 1
		fi
	done < <(find "$dest" -type f -perm -100 -exec sh -c \
		'head -c 4 "$1" | grep -aq ELF && echo "$1"' sh {} \;)
}

# images_libraries PROGRAM DEST: every library and symbol version exists in the slim tree.
images_libraries() {
	local output
	output=$(chroot "$boot_cache/slim" /usr/lib64/ld-linux-x86-64.so.2 --verify /bin/true 2>&1) || {
		echo "boot: cannot enter the guest's tree: $output" >&2
		return 1
	}
	install -D -m 755 "$1" "$boot_work/probe/program"
	cp "$boot_work/probe/program" "$boot_cache/slim/tmp/dmstack-probe.$$"
	output=$(chroot "$boot_cache/slim" /usr/lib64/ld-linux-x86-64.so.2 --list \
		"/tmp/dmstack-probe.$$" 2>&1 </dev/null) || :
	rm -f "$boot_cache/slim/tmp/dmstack-probe.$$"
	case $output in
	*"not found"* | *"error while loading"*)
		echo "$output" >&2
		return 1
		;;
	esac
}

# images_root_tree DEST TREE: the slim tree with dmstack in it; files are shared by hard links
# where cache and work folder are on one file system.
images_root_tree() {
	if ! cp -al "$boot_cache/slim" "$2" 2>/dev/null; then
		rm -rf "$2"
		cp -a "$boot_cache/slim" "$2" || return 1
	fi
	# Debian 12 brings a whole perl along, for which the image has no room.
	rm -rf "$2"/usr/lib/x86_64-linux-gnu/perl* "$2/etc/fstab"
	: >"$2/etc/fstab"
	mkdir -p "$2/mnt" "$2/srv" "$2/usr/lib/dmstack"
	cp -a --remove-destination "$1/." "$2/"
}

# images_make FS FILE: makes the root file system FS (ext4, squashfs or erofs) as FILE, once.
# An ext4 has 4096-byte blocks, as the layers below may have sectors of that size.
images_make() {
	local fs=$1 file=$2 tree=$boot_work/root-tree
	case $fs in
	ext4)
		truncate -s 88M "$file.tmp"
		mke2fs -q -t ext4 -b 4096 -m 0 -U "$boot_fs_uuid" -L dmstack-root \
			-O ^resize_inode -J size=4 -N 8192 -I 256 \
			-E "hash_seed=$boot_fs_uuid,root_owner=0:0" -d "$tree" "$file.tmp"
		;;
	squashfs)
		mksquashfs "$tree" "$file.tmp" -quiet -no-progress -noappend -comp lz4 \
			-processors 2 -all-time 0 -mkfs-time 0 >/dev/null
		;;
	erofs)
		mkfs.erofs --quiet -T 0 -U "$boot_fs_uuid" "$file.tmp" "$tree" >/dev/null
		;;
	*)
		echo "boot: unknown file system '$fs'" >&2
		return 1
		;;
	esac || return 1
	mv "$file.tmp" "$file"
}

# images_cpio DIR FILE: packs DIR as one more archive of an initrd.
images_cpio() {
	(cd "$1" && find . -mindepth 1 | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) >"$2"
	truncate -s %512 "$2"
}

# images_prepare BUILD: everything in boot_work that all scenarios share.
images_prepare() {
	local build=$1 fs
	mkdir -p "$boot_work/dest"
	images_install "$build" "$boot_work/dest" || return 1
	images_root_tree "$boot_work/dest" "$boot_work/root-tree" || return 1
	for fs in ext4 squashfs erofs; do
		images_make "$fs" "$boot_work/root.$fs" || return 1
	done
	mkdir -p "$boot_work/initrd"
	cp -a "$boot_work/dest/." "$boot_work/initrd/"
	cp -a "$boot_dir/guest/initrd/." "$boot_work/initrd/"
	images_cpio "$boot_work/initrd" "$boot_work/dmstack.cpio"
}
