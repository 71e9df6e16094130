# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
# The memory of the machine as a file, which still has everything in it when the machine is off.

# memory_file KEY...: such a file. KEY is a name in $work/keys, of one that is in memory while the layers
# are up; $work/secrets names those that never are.
memory_file() {
	memory_keys=("$@")
	echo control >"$work/secrets"
	head -c 64 /dev/urandom >"$work/keys/control"
	vm_extra+=(-object "memory-backend-file,id=ram,size=${vm_memory}M,mem-path=$work/memory,share=on"
		-machine "memory-backend=ram")
	memory_reset
}

# memory_prepare KEY...: the same, and a disk by which the guest learns that it was looked at.
memory_prepare() {
	memory_file "$@"
	truncate -s 64K "$work/signal.img"
	DISKS+=("$work/signal.img:signal")
	memory_watch &
}

# memory_reset: empty, as another boot would begin with what this one left.
memory_reset() {
	rm -f "$work/memory"
	truncate -s "${vm_memory}M" "$work/memory"
}

# memory_find WHEN: looks for the keys and the secrets, one of which nobody ever had.
memory_find() {
	local key arguments=()
	for key in $(cat "$work/secrets") "${memory_keys[@]}"; do arguments+=("$key=$work/keys/$key"); done
	python3 "$boot_dir/lib/find-in-memory.py" "$work/memory" "${arguments[@]}" >"$work/found"
	sed "s/^/# memory $1: /" "$work/found" | tee -a "$work/host.log"
}

# memory_has KEY: dm-crypt wipes its copy of the whole when the ciphers have their halves.
memory_has() {
	grep -q "^$1: [0-9]* whole, [1-9][0-9]* of 32 bytes" "$work/found"
}

memory_lacks() {
	grep -qx "$1: 0 whole, 0 of 32 bytes, 0 of 16 bytes, 0 in hex" "$work/found"
}

# memory_is_free WHEN and memory_is_used WHEN: what memory_find found is what it should be.
memory_is_free() {
	local key
	for key in $(cat "$work/secrets") "${memory_keys[@]}"; do
		host "$1: the key $key is not in memory" memory_lacks "$key" || return 1
	done
}

memory_is_used() {
	local key
	for key in $(cat "$work/secrets"); do
		host "$1: the key $key is not in memory" memory_lacks "$key" || return 1
	done
	for key in "${memory_keys[@]}"; do
		host "$1: the key $key is in memory" memory_has "$key" || return 1
	done
}

# memory_is_clean WHEN: no key is there now, while those of the running machine were.
memory_is_clean() {
	memory_find "$1"
	memory_is_free "$1" || return 1
	cp "$work/found.running" "$work/found" && memory_is_used running
}

# The guest says when, in a line of its report; see memory_is_seen of the guest.
memory_watch() {
	until grep -aq "^# look into the memory" "$work/report.log" 2>/dev/null; do
		[ -d "$work" ] || return 0
		sleep 0.5
	done
	memory_find running
	cp "$work/found" "$work/found.running"
	printf seen | dd of="$work/signal.img" conv=notrunc status=none
}
