# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The one way in which trees of Debian are made.

# debian_make SUITE DIR LOG PACKAGE...: a small tree without documentation; needs root.
debian_make() {
	local suite=$1 dir=$2 log=$3
	shift 3
	mmdebstrap --quiet --variant=minbase --mode=root --include="$(IFS=,; echo "$*")" \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "3"' \
		"$suite" "$dir" >"$log" 2>&1 </dev/null
}
