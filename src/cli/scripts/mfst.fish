# fish completion for mfst

function __mfst_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l current (commandline --current-token --cut-at-cursor)
    set -l directive 1
    for line in (mfst __complete $words[2..-1] "$current" 2>/dev/null)
        switch $line
            case ':*'
                set directive (string sub --start 2 -- $line)
            case '*'
                printf '%s\n' $line
        end
    end
    set -l flag (string match --regex -- '^--[^=]*=' $current)
    set -l path (string replace --regex -- '^--[^=]*=' '' $current)
    switch $directive
        case 0
            printf "$flag%s\n" (__fish_complete_path $path)
        case 16
            printf "$flag%s\n" (__fish_complete_directories $path '')
    end
end

complete --command mfst --no-files --keep-order --arguments '(__mfst_complete)'
