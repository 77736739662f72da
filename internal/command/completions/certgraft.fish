# Completion of certgraft for fish: certgraft completion fish | source
function __certgraft_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    if string match -q -- '-*' $current
        set words $words $current
    end
    $words --generate-bash-completion 2>/dev/null
end
complete -c certgraft -a '(__certgraft_complete)'
