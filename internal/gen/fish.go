package main

import (
	"fmt"
	"slices"
	"strings"
)

func fishCompletion(p program) string {
	var lines []string
	flags := map[string][]string{} // descriptions of a flag, with the commands that have them
	for _, c := range p.commands {
		lines = append(lines, fmt.Sprintf("complete -c certgraft -n '__certgraft_is' -f -a %s -d '%s'", c.name, fishQuoted(c.usage)))
		for _, f := range c.flags {
			said := fishFlag(f)
			flags[said] = append(flags[said], c.name)
		}
	}
	for kind, args := range fishOperands {
		var of []string
		for _, c := range p.commands {
			if operandKind(c) == kind {
				of = append(of, c.name)
			}
		}
		lines = append(lines, fmt.Sprintf("complete -c certgraft -n '__certgraft_is %s' %s", strings.Join(of, " "), args))
	}
	for said, of := range flags {
		lines = append(lines, fmt.Sprintf("complete -c certgraft -n '__certgraft_is %s' %s", strings.Join(of, " "), said))
	}
	slices.Sort(lines)
	return "# Completion of certgraft for fish: certgraft completion fish | source\n" + generatedBy +
		strings.NewReplacer("@IDS@", strings.Join(p.ids, " "), "@REGIONS@", strings.Join(p.regions, " "), "@TRANSPORTS@", strings.Join(transports, " ")).Replace(fishTemplate) +
		strings.Join(lines, "\n") + "\n"
}

// fishOperands are the completions of arguments.
var fishOperands = map[string]string{
	"sources":       "-F -a '(__certgraft_sources)'",
	"image-sources": "-F -a '(__certgraft_images) (__certgraft_sources)'",
	"image":         "-F -a '(__certgraft_images)'",
	"ids":           "-f -a '(__certgraft_sources)'",
	"hosts":         "-f -a '(__fish_print_hostnames)'",
	"shells":        "-f -a 'bash zsh fish'",
	"file":          "-F",
	"":              "-f",
}

func fishFlag(f flagDoc) string {
	var text strings.Builder
	for _, n := range f.names {
		if len(n) == 1 {
			text.WriteString("-s " + n + " ")
		} else {
			text.WriteString("-l " + n + " ")
		}
	}
	switch f.kind() {
	case "dir":
		text.WriteString("-x -a '(__fish_complete_directories)' ")
	case "file":
		text.WriteString("-r -F ")
	case "words":
		text.WriteString("-x -a '" + strings.Join(f.words, " ") + "' ")
	case "other":
		text.WriteString("-x ")
	}
	return text.String() + "-d '" + fishQuoted(f.usage) + "'"
}

func fishQuoted(text string) string { return strings.ReplaceAll(text, "'", `\'`) }

const fishTemplate = `function __certgraft_is -d 'the command is one of these, or there is none yet'
    set -l words (commandline -opc)
    if test (count $words) -lt 2
        test (count $argv) -eq 0
        return
    end
    contains -- $words[2] $argv; and not contains -- -- $words
end
function __certgraft_sources
    if string match -q '*:*' -- (commandline -ct)
        string split ' ' -- '@REGIONS@'
    else
        string split ' ' -- '@IDS@'
    end
end
function __certgraft_images
    string split ' ' -- '@TRANSPORTS@'
end
function __certgraft_behind_dashes
    set -l words (commandline -opc)
    test (count $words) -gt 2; and test $words[2] = run; and contains -- -- $words
end
complete -c certgraft -n __certgraft_behind_dashes -F -a '(complete -C (commandline -ct))'
`
