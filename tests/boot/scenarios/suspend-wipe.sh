# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="keys are gone while sleep.target is up, and the data are there after it"
# The kernel's words for a resume without a key, which is tried on purpose.
ALLOW='preresume failed, error = -11'

prepare() {
	prepare_default
	in_host
	key_make data 64
	mkdir -p "$conf_place" "$work/initrd/dmstack-test/run/systemd/system"
	# A layer above, so that the order shows; the key lies where it can be taken away.
	cat >"$conf_place/data.conf" <<-END
		data-crypt crypt  ID=virtio-data file:$key_dir/data cipher=aes-xts-plain64,size=512,suspend=wipe
		data       linear data-crypt     -                  offset=2048
	END
	# What systemd-suspend.service does, without the hardware's part.
	cat >"$work/initrd/dmstack-test/run/systemd/system/test-sleep.service" <<-END
		[Unit]
		DefaultDependencies=no
		Requires=sleep.target
		After=sleep.target
		[Service]
		Type=oneshot
		ExecStart=/bin/sh /run/dmstack-test/asleep
	END
	cat >"$work/initrd/dmstack-test/run/dmstack-test/asleep" <<-'END'
		{
			dmsetup info -c --noheadings -o name,suspended
			dmsetup resume data-crypt && echo "resumed without a key"
			true
		} >/run/asleep.log 2>&1
	END
	truncate -s 32M "$work/data.img"
	DISKS+=("$work/data.img:data")
}

guest() {
	check "it is attached" wait_until test -e /dev/mapper/data
	check "a file system can be made" mke2fs -q -t ext4 /dev/mapper/data
	check "it can be mounted" mount /dev/mapper/data /mnt
	check "a file is written" sh -c 'head -c 4M /dev/urandom >/mnt/kept && sha256sum /mnt/kept >/run/kept.sum'
	check "the machine sleeps and wakes" systemctl start test-sleep.service
	check "both layers were suspended" is "$(grep -c Suspended /run/asleep.log)" 2
	refuse "nothing runs without the key" grep "resumed without a key" /run/asleep.log
	check "the kernel says why" wait_until sh -c 'dmesg | grep -q "crypt key is not set"'
	check "the mapping is back" wait_until sh -c \
		'dmsetup info -c --noheadings -o suspended data data-crypt | grep -c Active | grep -qx 2'
	echo 3 >/proc/sys/vm/drop_caches
	check "the file is there" sha256sum -c /run/kept.sum
	check "it can be written" sh -c 'head -c 1M /dev/zero >/mnt/more && sync /mnt/more'

	# A key that cannot be had keeps the data locked away, and not lost.
	check "the key is taken away" mv /run/dmstack-test/keys/data /run/dmstack-test/away
	check "it is suspended by hand" dmstack suspend data-crypt
	refuse "resume without the key fails" dmstack resume data-crypt
	check "it stays suspended" is "$(dmsetup info -c --noheadings -o suspended data-crypt)" Suspended
	check "the key is back" mv /run/dmstack-test/away /run/dmstack-test/keys/data
	check "it resumes" dmstack resume data-crypt
	echo 3 >/proc/sys/vm/drop_caches
	check "the file is there still" sha256sum -c /run/kept.sum
	check "it can be unmounted" umount /mnt
	check "no unit failed" no_failed_units
}
