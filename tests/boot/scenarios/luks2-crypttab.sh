# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="crypttab opens LUKS2 volumes made offline, and dmstack those of cryptsetup, by file and credential"
FORBID='BUG: |Oops|Call Trace|Kernel panic|[Oo]rdering cycle'
fast=pbkdf=pbkdf2,pbkdf-force-iterations=1000

# Two volumes for crypttab, without and with tags; two whose keys are credentials, of which one is
# the volume key and the other that of the second keyslot; two empty disks for cryptsetup.
prepare() {
	local name
	prepare_default
	in_host
	small_fs "$work/data.ext4" 2
	mkdir -p "$work/initrd/dmstack-test/run/dmstack-test"
	sha256sum <"$work/data.ext4" | cut -d' ' -f1 >"$work/initrd/dmstack-test/run/dmstack-test/data.sha256"
	for name in plain tags theirs; do key_make "$name" 40; done
	key_make slot 30
	key_make volume 64
	stack_create "$work/data.ext4" plain --layer "luks,noauto,key=file:$key_dir/plain,$fast" \
		--key "file:$key_dir/plain=$work/keys/plain" \
		--keyslot "luks,key=file:$work/keys/volume" || return 1
	stack_create "$work/data.ext4" tags --layer integrity,noauto \
		--layer "luks,noauto,integrity=hmac-sha256,key=file:$key_dir/tags,$fast" \
		--key "file:$key_dir/tags=$work/keys/tags" || return 1
	stack_create "$work/data.ext4" slot \
		--layer "luks,noauto,key=credential:slot,key-slot=5,$fast" \
		--key "credential:slot=$work/keys/slot" \
		--keyslot "luks,key=file:$work/keys/plain,keyslot-priority=prefer" || return 1
	stack_create "$work/data.ext4" volume --layer luks,noauto,key=credential:volume,volume-key \
		--key "credential:volume=$work/keys/volume" || return 1
	rm "$key_place/slot" "$key_place/volume"
	vm_extra=(-smbios "type=11,value=io.systemd.credential.binary:slot=$(base64 -w 0 "$work/keys/slot")"
		-smbios "type=11,value=io.systemd.credential.binary:volume=$(base64 -w 0 "$work/keys/volume")")
	for name in theirs theirtags; do
		truncate -s 20M "$work/$name.img"
		DISKS+=("$work/$name.img:$name")
	done
	mkdir -p "$conf_place"
	cat >"$conf_place/theirs.conf" <<-END
		theirs     luks      ID=virtio-theirs    file:$key_dir/theirs noauto
		their-tags integrity ID=virtio-theirtags - integrity-algorithm=none,tag-size=32,sector-size=4096,offset=32768,noauto
		theirtags  luks      their-tags          file:$key_dir/theirs integrity=hmac-sha256,sector-size=4096,header=ID=virtio-theirtags,noauto
	END
}

keys=/run/dmstack-test/keys

reads_data() {
	echo 3 >/proc/sys/vm/drop_caches
	is "$(dd if="$1" bs=1M count=2 iflag=direct status=none | sha256sum | cut -d' ' -f1)" \
		"$(cat /run/dmstack-test/data.sha256)"
}

crypttab() {
	local name
	for name in plain tags; do
		echo "ct$name /dev/disk/by-id/virtio-$name $keys/$name luks,noauto"
	done >/etc/crypttab
	systemctl daemon-reload
	for name in plain tags; do
		check "crypttab opens $name" systemctl start "systemd-cryptsetup@ct$name.service"
		check "it is a volume of cryptsetup" sh -c "dmsetup info -c --noheadings -o uuid ct$name | grep CRYPT-LUKS2"
		check "it reads as built" reads_data "/dev/mapper/ct$name"
		check "crypttab closes $name" systemctl stop "systemd-cryptsetup@ct$name.service"
	done
}

# theirs NAME OPTION...: made and filled by cryptsetup, read by dmstack.
theirs() {
	local name=$1 disk=/dev/disk/by-id/virtio-$1 sum
	shift
	check "cryptsetup makes $name" cryptsetup luksFormat --batch-mode --type luks2 \
		--key-file "$keys/theirs" "$@" "$disk" || return 1
	check "cryptsetup opens $name" cryptsetup open --key-file "$keys/theirs" "$disk" cs || return 1
	check "it is filled" sh -c 'head -c 2M /dev/urandom >/run/random && dd if=/run/random of=/dev/mapper/cs bs=4096 oflag=direct status=none'
	sum=$(sha256sum </run/random | cut -d' ' -f1)
	check "cryptsetup closes $name" cryptsetup close cs
	check "dmstack opens $name" systemctl start "dmstack@$name.service"
	check "it reads as filled" is "$(dd if="/dev/mapper/$name" bs=1M count=2 iflag=direct status=none | sha256sum | cut -d' ' -f1)" "$sum"
	check "dmstack closes $name" systemctl stop "dmstack@$name.service"
}

guest() {
	local name
	crypttab
	for name in slot volume; do
		check "a credential opens $name" systemctl start "dmstack@$name.service"
		check "$name reads as built" reads_data "/dev/mapper/$name"
		check "$name stops" systemctl stop "dmstack@$name.service"
	done
	theirs theirs --pbkdf argon2id --pbkdf-memory 32768 --pbkdf-force-iterations 4 --pbkdf-parallel 1
	theirs theirtags --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --integrity hmac-sha256 \
		--sector-size 4096 --integrity-no-wipe
	check "no unit failed" no_failed_units
}
