# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of dmstack(8) and dmstack-build(1) for fish. Verbs and options come from the programs'
# own --help, layer types and their options from their table.

# A line for each layer type: its name and the words that may follow it.
function __dmstack_types
    echo '@typewords@'
end

function __dmstack_verbs
    $argv[1] --help 2>/dev/null |
        string replace -rf '^  ([a-z][a-z-]*) +(?:\S*[A-Z]{2}\S* +)?(.*)$' '$1\t$2'
    printf '%s\n' --help --version
end

# PROGRAM VERB: its long options; those that take a value end with "=".
function __dmstack_options
    $argv[1] $argv[2] --help 2>/dev/null |
        string replace -rf '^ +(?:-., )?(--[a-z][a-z-]*=?)\S* *(.*)$' '$1\t$2'
end

# PROGRAM VERB OPTION: whether it takes a value.
function __dmstack_takes_value
    string match -q -- '-*' $argv[3]
    and $argv[1] $argv[2] --help 2>/dev/null |
        string match -rq -- "^ +(-., )?$argv[3]=|^ +$argv[3], --[a-z-]+="
end

# TYPE[,WORD...]: the word behind the last comma.
function __dmstack_layer_words
    set -l type (string split -m 1 , -- $argv[1])[1]
    if not string match -q '*,*' -- $argv[1]
        __dmstack_types | string replace -r ' .*' ''
        return
    end
    set -l before (string replace -r '[^,]*$' '' -- $argv[1])
    for line in (__dmstack_types)
        set -l words (string split ' ' -- $line)
        if test $words[1] = $type
            printf "$before%s\n" $words[2..-1]
        end
    end
end

# LAYER.WORD, where a layer is called by its type.
function __dmstack_layer_options
    for line in (__dmstack_types)
        set -l words (string split ' ' -- $line)
        printf "$words[1].%s\n" (string match -v 'name=*' -- $words[2..-1])
    end
end

# VERB OPTION VALUE: what the value may become.
function __dmstack_values
    switch $argv[2]
        case --root --images --mount -m
            __fish_complete_directories "$argv[3]" ''
        case --input -i --output -o --certificate -c --private-key --config --uki --join --recovery-key
            __fish_complete_path "$argv[3]"
        case --key -k
            if string match -q '*=*' -- $argv[3]
                set -l reference (string split -m 1 = -- $argv[3])
                __fish_complete_path "$reference[2]" | string replace -r -- '^' "$reference[1]="
            else
                printf '%s\n' credential: file: keyring: tpm2:
            end
        case --bank
            printf '%s\n' sha256 sha384
        case --stack -s
            printf '%s\n' crypt-only integrity-only integrity-then-crypt crypt-then-integrity \
                verity-only verity-then-crypt crypt-then-verity aead luks luks-aead
        case --layer -l
            __dmstack_layer_words "$argv[3]"
        case --layer-option
            __dmstack_layer_options
        case --phase --fail
            set -l name (string replace -- -- '' $argv[2])
            __dmstack_types | head -n 1 | string split ' ' | string replace -f -- "$name=" ''
    end
end

function __dmstack_complete
    set -l words (commandline -opc)
    set -l cur (commandline -ct)
    set -l program $words[1]
    set -l verb $words[2]

    if test (count $words) -lt 2
        __dmstack_verbs $program
    else if string match -q -- '--*=*' $cur
        set -l option (string split -m 1 = -- $cur)
        __dmstack_values $verb $option[1] "$option[2]" | string replace -r -- '^' "$option[1]="
    else if __dmstack_takes_value $program $verb $words[-1]
        __dmstack_values $verb $words[-1] "$cur"
    else if string match -q -- '-*' $cur
        __dmstack_options $program $verb
    else if test (string replace -r '.*/' '' $program) = dmstack-build
        contains $verb verify extract inspect sign
        and __fish_complete_path "$cur"
    else if contains $verb attach detach plan status suspend resume rekey
        $program list 2>/dev/null | string replace -r ' .*' '' | tail -n +2
    end
end

complete -c dmstack -f -a '(__dmstack_complete)'
complete -c dmstack-build -f -a '(__dmstack_complete)'
