# bash completion for mfst

_mfst() {
    local rest=${COMP_LINE:0:COMP_POINT} piece spaces words=() i

    # bash breaks words at ':', '=' and '@' too. Pieces with no space between them are one word.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        piece=${COMP_WORDS[i]}
        spaces=${rest%%[![:space:]]*}
        rest=${rest#"$spaces"}
        ((i == COMP_CWORD)) && piece=$rest
        if ((i > 0)) && [[ -z $spaces ]]; then
            words[${#words[@]} - 1]+=$piece
        else
            words+=("$piece")
        fi
        rest=${rest#"$piece"}
    done
    local current=${words[${#words[@]} - 1]}

    # Only what follows the last break is replaced.
    local kept= break
    for break in : = @; do
        if [[ $COMP_WORDBREAKS == *"$break"* && $current == *"$break"* ]]; then
            local before=${current%"$break"*}$break
            ((${#before} > ${#kept})) && kept=$before
        fi
    done

    COMPREPLY=()
    local line directive=1
    while IFS= read -r line; do
        case $line in
        :*) directive=${line#:} ;;
        *) line=${line%%$'\t'*} && COMPREPLY+=("${line#"$kept"}") ;;
        esac
    done < <(mfst __complete "${words[@]:1}" 2>/dev/null)

    case $directive in
    0) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -f -- "${current#--*=}") ;;
    16) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -d -- "${current#--*=}") ;;
    esac
    return 0
}

complete -F _mfst mfst
