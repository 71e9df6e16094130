# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="a sealed manifest is believed for its signature or for the initrd, and else nothing is attached"
FS=squashfs
TYPES="verity"
READ_ONLY=yes
FORBID='BUG: |Oops|Call Trace|Kernel panic|[Oo]rdering cycle'

requires() {
	command -v openssl >/dev/null || {
		echo "openssl is missing"
		return 1
	}
}

# signer NAME: a key and its certificate.
signer() {
	openssl req -x509 -nodes -days 2 -subj "/CN=$1" -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
		-keyout "$work/$1.key" -out "$work/$1.pem" 2>/dev/null
}

# variant NAME [SIGNER]: a copy of the manifest in a folder of its own, signed.
variant() {
	variant=$work/initrd/dmstack-test/run/cases/$1
	mkdir -p "$variant"
	cp "$work/data/data.json" "$variant/"
	[ -z "${2-}" ] || host "$1 is signed" builder sign --quiet --private-key "$work/$2.key" \
		--certificate "$work/$2.pem" "$variant/data.json"
}

prepare() {
	local keys=$work/initrd/dmstack-test/run/dmstack/keys.d
	# The root is sealed as well. Its manifest has no signature, and is part of the initrd.
	stack_create "$boot_work/root.squashfs" root --stack verity-only --mount / --phase sealed \
		--fail poweroff || return 1
	in_host
	small_fs "$work/data.ext4" 4
	stack_create "$work/data.ext4" data --stack verity-only --phase sealed --fail poweroff \
		--generation 7 --layer-option data.noauto || return 1
	rm -r "$manifest_place"
	signer ours && signer theirs || return 1
	mkdir -p "$keys"
	cp "$work/ours.pem" "$keys/"
	variant good ours && variant unsigned && variant foreign theirs && variant edited ours &&
		variant cut ours && variant swapped && variant other ours || return 1
	variant=$work/initrd/dmstack-test/run/cases
	sed -i 's/"generation": 7/"generation": 8/' "$variant/edited/data.json"
	truncate -s -1 "$variant/cut/data.json.p7s"
	# A sound signature by the right key, of another manifest.
	sed -i 's/"generation": 7/"generation": 6/' "$variant/other/data.json"
	host "the other manifest is signed" builder sign --force --quiet --private-key \
		"$work/ours.key" --certificate "$work/ours.pem" "$variant/other/data.json" || return 1
	cp "$variant/other/data.json.p7s" "$variant/swapped/data.json.p7s"
}

attach_from() {
	DMSTACK_CONF=/dev/null DMSTACK_MANIFEST_PATH=/run/cases/$1 timeout 30 dmstack attach data 2>&1
}

# refuse_saying CASE WORDS
refuse_saying() {
	local said
	if said=$(attach_from "$1"); then
		say "not ok $1 is refused"
		return 1
	fi
	case $said in
	*"$2"*) say "ok $1 is refused: $said" ;;
	*)
		say "not ok $1 is refused for the right reason"
		say "#   $said"
		;;
	esac
	refuse "$1: nothing is attached" test -e /dev/mapper/data
}

guest() {
	guest_read_only
	check "what is signed comes up" attach_from good
	check "and is read" reads_whole /dev/mapper/data
	check "and goes" dmstack detach data
	refuse_saying unsigned "it has no signature"
	refuse_saying foreign "the signature is not valid"
	refuse_saying edited "the signature is not valid"
	refuse_saying swapped "the signature is not valid"
	refuse_saying cut "not a CMS signature"

	# Without a certificate nobody can vouch for it, and /run is no part of an initrd.
	mv /run/dmstack/keys.d/ours.pem /run/ours.pem
	refuse_saying good "the sealed phase needs one of both"
	check "an environment that says initrd does not help" sh -c \
		"! SYSTEMD_IN_INITRD=1 DMSTACK_CONF=/dev/null DMSTACK_MANIFEST_PATH=/run/cases/good \
		dmstack attach data"
	mv /run/ours.pem /run/dmstack/keys.d/
	check "no mapping but the root's is there" is "$(dmsetup ls | cut -f1)" root
}
