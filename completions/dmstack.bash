# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of dmstack(8) and dmstack-build(1) for bash. Verbs and options come from the programs'
# own --help, layer types and their options from their table.

_dmstack_presets="crypt-only integrity-only integrity-then-crypt crypt-then-integrity verity-only
verity-then-crypt crypt-then-verity aead luks luks-aead"

# A line for each layer type: its name and the words that may follow it.
_dmstack_types() {
	cat <<'END'
@typewords@
END
}

_dmstack_verbs() {
	"$1" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p'
	echo --help --version
}

# PROGRAM VERB: its long options; those that take a value end with "=".
_dmstack_options() {
	"$1" "$2" --help 2>/dev/null | sed -n 's/^ .* \(--[a-z][a-z-]*=\{0,1\}\).*/\1/p'
}

# PROGRAM VERB OPTION: whether it takes a value.
_dmstack_takes_value() {
	[[ $3 == -* ]] &&
		"$1" "$2" --help 2>/dev/null | grep -qE -e "^ +(-., )?$3=" -e "^ +$3, --[a-z-]+="
}

_dmstack_names() {
	"$1" list 2>/dev/null | sed -n '2,$s/ .*//p'
}

# TYPE[,WORD...]: the word behind the last comma.
_dmstack_layer_words() {
	local given=$1 type=${1%%,*}
	if [[ $given != *,* ]]; then
		_dmstack_types | cut -d ' ' -f 1
		return
	fi
	_dmstack_types | sed -n "s/^${type//[^a-z]/} //p" | tr ' ' '\n' | sed "s|^|${given%,*},|"
}

# LAYER.WORD, where a layer is called by its type.
_dmstack_layer_options() {
	local type words word
	while read -r type words; do
		for word in $words; do
			[[ $word == name=* ]] || echo "$type.$word"
		done
	done < <(_dmstack_types)
}

# PROGRAM VERB OPTION VALUE: what the value may become.
_dmstack_values() {
	case $3 in
	--root | --output | -o | --images)
		compgen -d -- "$4"
		[[ $2 != extract && $2 != import && $2 != sign-policy ]] || compgen -f -- "$4"
		;;
	--input | -i | --certificate | -c | --private-key | --config | --uki | --join | --recovery-key)
		compgen -f -- "$4"
		;;
	--bank) printf '%s\n' sha256 sha384 ;;
	--key | -k)
		if [[ $4 == *=* ]]; then
			compgen -f -P "${4%%=*}=" -- "${4#*=}"
		else
			printf '%s\n' credential: file: keyring: tpm2:
		fi
		;;
	--stack | -s) tr ' ' '\n' <<<"$_dmstack_presets" ;;
	--layer | -l) _dmstack_layer_words "$4" ;;
	--layer-option) _dmstack_layer_options ;;
	--phase | --fail) _dmstack_types | tr ' ' '\n' | sed -n "s/^${3#--}=//p" | sort -u ;;
	--mount | -m) compgen -d -- "$4" ;;
	esac
}

_dmstack_positional() {
	case $1:$2 in
	*dmstack:attach | *dmstack:detach | *dmstack:suspend | *dmstack:resume | *dmstack:rekey | *dmstack:plan | *dmstack:status) _dmstack_names "$1" ;;
	*dmstack-build:verify | *dmstack-build:extract | *dmstack-build:inspect | *dmstack-build:sign)
		compgen -f -- "$3"
		;;
	esac
}

_dmstack() {
	local line=${COMP_LINE:0:COMP_POINT} cur prev verb program candidates word
	local -a words
	cur=${line##*[[:space:]]}
	read -ra words <<<"${line%"$cur"}"
	program=${words[0]} verb=${words[1]-} prev=${words[-1]}

	if [[ ${#words[@]} -lt 2 ]]; then
		candidates=$(_dmstack_verbs "$program")
	elif [[ $cur == --*=* ]]; then
		candidates=$(_dmstack_values "$program" "$verb" "${cur%%=*}" "${cur#*=}" |
			sed "s|^|${cur%%=*}=|")
	elif _dmstack_takes_value "$program" "$verb" "$prev"; then
		candidates=$(_dmstack_values "$program" "$verb" "$prev" "$cur")
	elif [[ $cur == -* ]]; then
		candidates=$(_dmstack_options "$program" "$verb")
	else
		candidates=$(_dmstack_positional "$program" "$verb" "$cur")
	fi

	# bash replaces only what is behind the last character at which it breaks words.
	local stem=${cur%"${cur##*[=:]}"}
	COMPREPLY=()
	while read -r word; do
		[[ $word != "$cur"* || -z $word ]] || COMPREPLY+=("${word#"$stem"}")
	done < <(tr ' ' '\n' <<<"$candidates")
	[[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *[=:] ]] || compopt -o nospace 2>/dev/null
	[[ $candidates != *,* && $candidates != */* ]] || compopt -o nospace 2>/dev/null
}

complete -F _dmstack dmstack dmstack-build
