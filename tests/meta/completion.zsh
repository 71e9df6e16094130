# SPDX-License-Identifier: LGPL-2.1-or-later
# usage: zsh -f completion.zsh FILE WORD...
# Prints what the completion in FILE offers for the last word. The functions of zsh's completion
# system that it calls are replaced by ones that print, since the real ones need a terminal.
compset() {
	local before
	[[ $1 == -P ]] || return 1
	for ((before = $#PREFIX; before > 0; before--)); do
		[[ $PREFIX[1,before] == ${~2} ]] || continue
		PREFIX=$PREFIX[before+1,-1]
		return 0
	done
	return 1
}
compadd() {
	while [[ $1 == -S ]]; do shift 2; done
	shift
	print -l -- ${(M)@:#$PREFIX*}
}
_describe() {
	local -a all=("${(@P)4}")
	print -l -- ${(M)${all%%:*}:#$PREFIX*}
}
_files() { print FILES; }
_message() { :; }

setopt extended_glob
file=$1
words=("${(@)argv[2,-1]}")
CURRENT=$#words PREFIX=$words[-1]
source $file
