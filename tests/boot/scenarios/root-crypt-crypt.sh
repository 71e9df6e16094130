# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="root on crypt over crypt keeps a file over a reboot"
LAYERS=(crypt,cipher=aes-cbc-essiv:sha256,size=256,sector-size=512,key=file:/etc/dmstack/keys/lower crypt,cipher=aes-xts-plain64,sector-size=4096,key=file:/etc/dmstack/keys/upper)
KEYS=(lower:32 upper:64)
TYPES="crypt crypt"
BOOTS=2
# Mounted as the kernel command line says, not by the manifest.
MOUNT=
CMDLINE="root=/dev/mapper/root rootfstype=ext4 rw"

guest() {
	guest_writable
}
