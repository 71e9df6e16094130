# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="an ext4 root without any layer comes up (the harness itself)"

guest() {
	check "the root is the first disk" root_is /dev/vda
	check "no unit failed" no_failed_units
	check "the root can be written to" touch /kept
}
