#compdef mfst
# zsh completion for mfst

_mfst() {
    local line value directive=1
    local -a values shown
    for line in "${(@f)$(mfst __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}"; do
        if [[ $line == :* ]]; then
            directive=${line#:}
            continue
        fi
        value=${line%%$'\t'*}
        values+=("$value")
        shown+=("$value${${line#"$value"}/$'\t'/  -- }")
    done
    case $directive in
        0) [[ $PREFIX == --*=* ]] && compset -P '*='; _files ;;
        16) [[ $PREFIX == --*=* ]] && compset -P '*='; _files -/ ;;
        *) compadd -l -d shown -a values ;;
    esac
}

if [[ $funcstack[1] == _mfst ]]; then
    _mfst "$@"
else
    compdef _mfst mfst
fi
