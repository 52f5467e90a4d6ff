# Completion of ehlo in bash: `ehlo completions bash` prints this script. The candidates are found by ehlo itself.
_ehlo() {
    local rest=${COMP_LINE:0:COMP_POINT} word words=() candidate about native=
    COMPREPLY=()
    # Words, of which bash splits some at COMP_WORDBREAKS: user@host and --tls=off are one word here.
    for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        if (( ! ${#words[@]} )) || [[ $rest == [[:blank:]]* ]]; then
            rest=${rest#"${rest%%[![:blank:]]*}"}
            words+=("")
        fi
        [[ $rest == "$word"* ]] || word=$rest
        words[${#words[@]}-1]+=$word
        rest=${rest#"$word"}
    done
    local last=$(( ${#words[@]} - 1 ))
    # What precedes the part of the word that bash replaces.
    local before=${words[last]%"$2"}
    while IFS=$'\t' read -r candidate about; do
        if [[ $candidate == :* ]]; then
            native=$candidate
            continue
        fi
        candidate=${candidate#"$before"}
        [[ $candidate == *[^[:alnum:]@%+=:,./_-]* ]] && printf -v candidate %q "$candidate"
        COMPREPLY+=("$candidate")
    done < <("${1/#\~/$HOME}" completions --words "${words[@]}" 2>/dev/null)
    case $native in
        ":command "*) _ehlo_command "${native#:command }" ;;
        ":directories "*) compopt -o dirnames ;;
        ":files $before") compopt -o default ;;
        ":files "*) _ehlo_files "${native#":files "}" "${words[last]}" ;;
    esac
    # A value with a parameter, such as cert-days:, or an item of a list may be continued.
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[:=] ]] && compopt -o nospace
}

# Completes the name of a file after this beginning of the word.
_ehlo_files() {
    local file beginning=${1#"$before"}
    compopt -o nospace
    while read -r file; do
        if [[ -d $file ]]; then
            file+=/
        else
            compopt +o nospace
        fi
        [[ $file == *[^[:alnum:]@%+=:,./_-]* ]] && printf -v file %q "$file"
        COMPREPLY+=("$beginning$file")
    done < <(compgen -f -- "${2#"$1"}")
}

# Completes the command line that begins with the word of this index.
_ehlo_command() {
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$1"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif (( COMP_CWORD == $1 )); then
        mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
    else
        compopt -o default
    fi
}

complete -F _ehlo ehlo
