#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The hooks for mkinitcpio, which Debian does not have: its functions are played by small ones here
# that write down what they are asked for (mkinitcpio(8), "ABOUT INSTALL HOOKS" and "RUNTIME HOOKS").
# usage: test-mkinitcpio.sh SOURCE-DIR
set -uo pipefail
hooks=$1/initrd/mkinitcpio
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0 number=0

check() {
	local name=$1
	shift
	number=$((number + 1))
	if "$@" >"$work/output" 2>&1; then
		echo "ok $number - $name"
	else
		failed=1
		echo "not ok $number - $name"
		sed 's/^/# /' "$work/output"
	fi
}

mkdir -p "$work/bin" "$work/units"
touch "$work/units/dmstack.target"
ln -s ../dmstack.target "$work/units/link.target"
cat >"$work/list" <<END
stack root
module dm_crypt
binary /usr/sbin/dmstack
systemd /usr/lib/systemd/system-generators/dmstack-generator
library /usr/lib/libargon2.so.1
unit $work/units/dmstack.target
unit $work/units/link.target
udev-rule /usr/lib/udev/rules.d/61-dmstack.rules
config /etc/dmstack.conf
manifest /usr/lib/dmstack.d/root file.json
signature /usr/lib/dmstack.d/root.json.p7s
certificate /etc/dmstack/keys.d/ca.pem
key /etc/secret.key
END
cat >"$work/bin/dmstack" <<END
#!/bin/sh
echo "\$*" >>$work/calls
cat $work/list
exit \$(cat $work/status)
END
chmod +x "$work/bin/dmstack"
echo 0 >"$work/status"

# install HOOK: what its build() asks for, one call a line.
# shellcheck disable=SC2034
install_hook() (
	PATH=$work/bin:$PATH KERNELVERSION=6.1-test
	add_module() { echo "module $*"; }
	add_binary() { echo "binary $*"; }
	add_file() { echo "file $*"; }
	add_symlink() { echo "symlink $*"; }
	add_runscript() { echo runscript; }
	error() { echo "error $*" >&2; }
	# shellcheck disable=SC1090
	. "$hooks/install/$1" && build
)

cat >"$work/busybox" <<END
module dm_crypt
binary /usr/sbin/dmstack
binary /usr/lib/libargon2.so.1
file /usr/lib/udev/rules.d/61-dmstack.rules
file /etc/dmstack.conf
file /usr/lib/dmstack.d/root file.json
file /usr/lib/dmstack.d/root.json.p7s
file /etc/dmstack/keys.d/ca.pem
runscript
END
cat >"$work/systemd" <<END
module dm_crypt
binary /usr/sbin/dmstack
binary /usr/lib/systemd/system-generators/dmstack-generator
binary /usr/lib/libargon2.so.1
file $work/units/dmstack.target
symlink $work/units/link.target ../dmstack.target
file /usr/lib/udev/rules.d/61-dmstack.rules
file /etc/dmstack.conf
file /usr/lib/dmstack.d/root file.json
file /usr/lib/dmstack.d/root.json.p7s
file /etc/dmstack/keys.d/ca.pem
END
check "busybox: all of the list but units, systemd's programs and keys" \
	diff "$work/busybox" <(install_hook dmstack)
check "systemd: all of the list but keys" diff "$work/systemd" <(install_hook sd-dmstack)
check "the list is that of the kernel in question" \
	grep -qx 'initrd-closure --kernel 6.1-test' "$work/calls"
for hook in dmstack sd-dmstack; do
	# shellcheck disable=SC1090
	check "$hook: it explains itself" grep -q dmstack <(. "$hooks/install/$hook" && help)
done

fails() { ! "$@"; }
echo 1 >"$work/status"
check "busybox: without a list there is no initrd" fails install_hook dmstack
check "systemd: without a list there is no initrd" fails install_hook sd-dmstack
echo 0 >"$work/status"
echo "surprise /etc/passwd" >>"$work/list"
check "busybox: an unknown kind is an error" fails install_hook dmstack
check "systemd: an unknown kind is an error" fails install_hook sd-dmstack

# run ROOT FSTYPE FLAGS: these variables after the runtime hook, in the shell nearest to ash here.
run_hook() {
	# shellcheck disable=SC2016
	env -i PATH="$work/bin:/usr/bin:/bin" root="$1" rootfstype="$2" rootflags="$3" sh -c '
		err() { echo "err: $*"; }
		. "$0"
		run_hook
		echo "$root|$rootfstype|$rootflags"' "$hooks/hooks/dmstack"
}
printf 'sealed\nmount /dev/mapper/usr /usr xfs -\nmount /dev/mapper/root / ext4 ro,noatime\n' >"$work/list"
check "without root= the manifest says what to mount" \
	test "$(run_hook '' '' '')" = '/dev/mapper/root|ext4|ro,noatime'
check "the kernel command line goes before it" \
	test "$(run_hook /dev/sda1 '' '')" = '/dev/sda1||'
check "its words for type and flags, too" \
	test "$(run_hook '' btrfs discard)" = '/dev/mapper/root|btrfs|discard'
check "it runs attach --initrd" grep -qx 'attach --initrd' "$work/calls"
: >"$work/list"
echo 1 >"$work/status"
check "a failure is said, and the boot goes on" \
	test "$(run_hook /dev/sda1 '' '')" = "err: dmstack: not all layers could be attached
/dev/sda1||"
echo "1..$number"
exit $failed
