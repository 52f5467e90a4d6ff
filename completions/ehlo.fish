# Completion of ehlo in fish: `ehlo completions fish` prints this script. The candidates are found by ehlo itself.
function __ehlo_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l token (commandline --current-token --cut-at-cursor)
    set -l native
    for line in (command ehlo completions --words $words "$token" 2>/dev/null)
        if string match --quiet ':*' -- $line
            set native (string split --max 1 ' ' -- $line)
        else
            echo -- $line
        end
    end
    switch "$native[1]"
        case :command
            set -l rest (string escape -- $words[(math $native[2] + 1)..-1])
            complete --do-complete (string join ' ' -- $rest "$token")
        case :directories
            __fish_complete_directories (string sub --start (math (string length -- "$native[2]") + 1) -- "$token")
        case :files
            set -l path (string sub --start (math (string length -- "$native[2]") + 1) -- "$token")
            for file in (__fish_complete_path "$path")
                echo -- "$native[2]$file"
            end
    end
end

complete --command ehlo --no-files --keep-order --arguments '(__ehlo_complete)'
