# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="the kernel corrects damaged blocks from our parity, and judges a signature of the root hash"
FORBID='BUG: |Oops|Call Trace|Kernel panic|[Oo]rdering cycle'

# parity_stack NAME OPTION...: a stack with parity, whose data must read as the input in the guest.
parity_stack() {
	local name=$1
	shift
	stack_create "$work/data.ext4" "$name" --layer verity,noauto,fec=new"$*" \
		--device "fec=ID=virtio-$name-fec"
}

prepare() {
	local block
	prepare_default
	in_host
	small_fs "$work/data.ext4" 4
	mkdir -p "$work/initrd/dmstack-test/run/dmstack-test"
	sha256sum <"$work/data.ext4" | cut -d' ' -f1 >"$work/initrd/dmstack-test/run/dmstack-test/sum"

	parity_stack bit && parity_stack many ,fec-roots=24 || return 1
	block=$(python3 "$boot_dir/lib/flip.py" data "$work/bit/bit.data.img" "$work/data.ext4") || return 1
	echo "$block" >"$work/initrd/dmstack-test/run/dmstack-test/bit.block"
	# Whole blocks, one behind the other, and one of the tree.
	dd if=/dev/urandom of="$work/many/many.data.img" bs=4096 seek=300 count=3 conv=notrunc status=none
	dd if=/dev/urandom of="$work/many/many.hash.img" bs=4096 seek=3 count=1 conv=notrunc status=none
	host "repair sees the same" sh -c "'$boot_build/builder/dmstack-build' repair \
		--output '$work/repaired' '$work/many/many.json' | grep 'repaired 3 blocks of data, 1 of'"

	stack_create "$work/data.ext4" signed \
		--layer verity,noauto,root-hash-signature=/run/dmstack-test/signed.roothash.p7s || return 1
	openssl req -x509 -nodes -days 2 -subj /CN=dmstack-test -newkey rsa:2048 \
		-keyout "$work/sign.key" -out "$work/sign.crt" >/dev/null 2>&1
	host "the root hash is signed" builder sign --root-hash --private-key "$work/sign.key" \
		--certificate "$work/sign.crt" "$work/signed/signed.json" || return 1
	cp "$work/signed/signed.roothash.p7s" "$work/initrd/dmstack-test/run/dmstack-test/"
}

says() {
	local wanted=$1
	shift
	"$@" 2>&1 | grep -q -- "$wanted"
}

guest() {
	local name
	for name in bit many; do
		check "$name: starts" systemctl start dmstack@$name.service
		check "$name: reads as it was built" reads_as /dev/mapper/$name \
			"$(cat /run/dmstack-test/sum)" 4194304
		show dmsetup status $name
	done
	check "the kernel says that it corrected" sh -c 'dmesg | grep -q "FEC.*corrected"'
	# Debian's kernel has nobody's certificate of ours, so this is as far as it can go.
	check "signed: the kernel does not trust the signer, and is quoted" \
		says "does not trust who signed the root hash" dmstack attach signed
	refuse "signed: has no device" test -e /dev/mapper/signed
	refuse "signed: no signature is left in a keyring" grep -q 'dmstack:signed' /proc/keys
	rm /run/dmstack-test/signed.roothash.p7s
	check "signed: without the file it says so" says "signed.roothash.p7s" dmstack attach signed
}
