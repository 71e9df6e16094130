# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
# The roots that every distribution's initrd has to bring up. Each is made of $work/root-tree, which
# distro_prepare left, and is the first of the disks.

# distro_stack_integrity_crypt [MOUNT]: crypt over tags; the key is a file that is put into the initrd.
distro_stack_integrity_crypt() {
	distro_root "$work/root.ext4" || return 1
	key_make root 64
	stack_create "$work/root.ext4" root --stack integrity-then-crypt \
		--key "file:/etc/dmstack/keys/root=$work/keys/root" --mount "${1:-/:ext4}"
}

# distro_stack_luks_aead [MOUNT]: LUKS2 with authenticated encryption.
distro_stack_luks_aead() {
	distro_root "$work/root.ext4" || return 1
	key_make root 32
	stack_create "$work/root.ext4" root --stack luks-aead \
		--layer-option luks.pbkdf=pbkdf2 --layer-option luks.pbkdf-force-iterations=1000 \
		--key "file:/etc/dmstack/keys/root=$work/keys/root" --mount "${1:-/:ext4}"
}

# distro_stack_verity_var: a read-only root under verity and a writable /var on crypt, which the system
# itself brings up: its key lies on the root, and the initrd does not look at it.
distro_stack_verity_var() {
	key_make var 64
	install -D -m 600 "$work/keys/var" "$work/root-tree/etc/dmstack/keys/var"
	rm -r "$key_place"
	echo "var crypt ID=virtio-var /etc/dmstack/keys/var" >"$work/root-tree/etc/dmstack.conf"
	cp "$work/root-tree/etc/dmstack.conf" "$work/tree/etc/"
	echo "/dev/mapper/var /var ext4 defaults 0 2" >>"$work/root-tree/etc/fstab"
	distro_root "$work/root.ext4" || return 1
	truncate -s 64M "$work/var.ext4" && mke2fs -q -t ext4 -b 4096 "$work/var.ext4" || return 1
	host "var is built" builder create --input "$work/var.ext4" --output "$work/var" --name var --quiet \
		--device data=ID=virtio-var --layer crypt,key=file:/etc/dmstack/keys/var,sector-size=512 \
		--key "file:/etc/dmstack/keys/var=$work/keys/var" || return 1
	stack_create "$work/root.ext4" root --stack verity-only --mount /:ext4 &&
		DISKS+=("$work/var/var.data.img:var")
}

# distro_exitrd_was_clean: what the report of the dracut module printed, at each end of the machine.
distro_exitrd_was_clean() {
	host "the exitrd took everything down" \
		grep -aq 'exitrd: mappings left: No devices found' "$work/console.log"
}
