# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2054,SC2153,SC2154
TITLE="the guest has a TPM 2.0"
TPM=yes

guest() {
	check "/dev/tpmrm0 is there" test -c /dev/tpmrm0
	check "it is a TPM 2.0" grep -qx 2 /sys/class/tpm/tpm0/tpm_version_major
	check "it has PCRs" test -s /sys/class/tpm/tpm0/pcr-sha256/7
}
