#compdef dmstack dmstack-build
# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of dmstack(8) and dmstack-build(1) for zsh. Verbs and options come from the programs'
# own --help, layer types and their options from their table.

_dmstack_presets=(crypt-only integrity-only integrity-then-crypt crypt-then-integrity verity-only
	verity-then-crypt crypt-then-verity aead luks luks-aead)

# A line for each layer type: its name and the words that may follow it.
_dmstack_types=(${(f)"$(cat <<'END'
@typewords@
END
)"})

# Fills reply with the verbs or options in the help, as WORD:HELP, and valued with the options that
# take a value.
_dmstack_help() {
	local line program=$1 verb=$2
	reply=() valued=()
	for line in ${(f)"$($program ${verb:+$verb} --help 2>/dev/null)"}; do
		if [[ -z $verb && $line =~ '^  ([a-z][a-z-]*) +([^ ]*[A-Z]{2}[^ ]* +)?(.*)$' ]]; then
			reply+=("$match[1]:$match[3]")
		elif [[ -n $verb && $line =~ '^ +(-., )?(--[a-z][a-z-]*)(=?)[^ ]* *(.*)$' ]]; then
			reply+=("$match[2]$match[3]:$match[4]")
			[[ -z $match[3] ]] || valued+=($match[2] ${match[1]%, })
		fi
	done
}

# The words behind the last comma of TYPE,WORD,...
_dmstack_layer() {
	local type=${PREFIX%%,*} line
	if [[ $PREFIX != *,* ]]; then
		compadd -S , -- ${_dmstack_types%% *}
		return
	fi
	compset -P '*,'
	for line in $_dmstack_types; do
		[[ ${line%% *} != $type ]] || compadd -S '' -- ${(s: :)line#* }
	done
}

_dmstack_layer_option() {
	local line word
	local -a words
	for line in $_dmstack_types; do
		for word in ${(s: :)line#* }; do
			[[ $word == name=* ]] || words+=("${line%% *}.$word")
		done
	done
	compadd -S '' -- $words
}

# The values of a common field with choices, from the first line.
_dmstack_choices() {
	compadd -- ${${(M)${(s: :)_dmstack_types[1]}:#$1=*}#$1=}
}

_dmstack_value() {
	case $1 in
	--root | --images) _files -/ ;;
	--output | -o) if [[ $verb == (extract|import|sign-policy) ]]; then _files; else _files -/; fi ;;
	--input | --certificate | -c | --private-key | --config | --uki | --join | --recovery-key) _files ;;
	--bank) compadd -- sha256 sha384 ;;
	-i) if [[ $verb == create ]]; then _files; else _files -/; fi ;;
	--key | -k)
		if compset -P '*='; then _files; else compadd -S '' credential: file: keyring: tpm2:; fi
		;;
	--stack | -s) compadd -- $_dmstack_presets ;;
	--layer | -l) _dmstack_layer ;;
	--layer-option) _dmstack_layer_option ;;
	--phase | --fail) _dmstack_choices ${1#--} ;;
	--mount | -m) _files -/ ;;
	*) _message value ;;
	esac
}

_dmstack() {
	local program=$words[1] verb=$words[2]
	local -a reply valued options

	if ((CURRENT == 2)); then
		_dmstack_help $program ''
		_describe -t verbs verb reply
		compadd -- --help --version
		return
	fi
	_dmstack_help $program $verb
	options=($reply)
	if [[ $PREFIX == --*=* ]]; then
		local option=${PREFIX%%=*}
		compset -P '--[a-z-]#='
		_dmstack_value $option
	elif ((${valued[(Ie)$words[CURRENT-1]]})); then
		_dmstack_value $words[CURRENT-1]
	elif [[ $PREFIX == -* ]]; then
		_describe -t options option options -S ''
	elif [[ $program == *dmstack-build ]]; then
		[[ $verb == create ]] || _files
	elif [[ $verb == (attach|detach|plan|status|suspend|resume) ]]; then
		compadd -- ${${${(f)"$($program list 2>/dev/null)"}[2,-1]}%% *}
	fi
}

_dmstack "$@"
