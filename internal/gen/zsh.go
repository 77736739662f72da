package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func zshCompletion(p program) string {
	var commands, cases strings.Builder
	groups := map[string][]string{} // descriptions of flags and arguments, with the commands that have them
	said, of := []string{}, map[string][]string{}
	say := func(text, command string) {
		if of[text] == nil {
			said = append(said, text)
		}
		of[text] = append(of[text], command)
	}
	for _, c := range p.commands {
		fmt.Fprintf(&commands, "      '%s:%s'\n", c.name, zshQuoted(c.usage))
		for _, f := range c.flags {
			say(zshFlag(f), c.name)
		}
		if operands := zshOperands[operandKind(c)]; operands != "" {
			say(operands, c.name)
		}
	}
	for _, text := range said {
		key := strings.Join(of[text], "|")
		groups[key] = append(groups[key], text)
	}
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		fmt.Fprintf(&cases, "  [[ $cmd == (%s) ]] && args+=(\n    %s\n  )\n", key, strings.Join(groups[key], "\n    "))
	}
	return "#compdef certgraft\n# Completion of certgraft for zsh: source <(certgraft completion zsh), or as _certgraft in a directory of fpath\n" + generatedBy +
		strings.NewReplacer("@COMMANDS@\n", commands.String(), "@IDS@", strings.Join(p.ids, " "), "@REGIONS@", strings.Join(p.regions, " "),
			"@TRANSPORTS@", strings.Join(transports, " "), "@FLAGS@\n", cases.String()).
			Replace(zshTemplate)
}

// zshOperands are the arguments for _arguments.
var zshOperands = map[string]string{
	"sources":       "'*:source:_certgraft_sources'",
	"image-sources": "'1:image:_certgraft_images' '*:source:_certgraft_sources'",
	"image":         "'*:root, file or image:_certgraft_images'",
	"ids":           "'1:id:_certgraft_sources'",
	"hosts":         "'1:server:_hosts'",
	"shells":        "'1:shell:(bash zsh fish)'",
	"file":          "'*:file of certificates:_files'",
}

func zshFlag(f flagDoc) string {
	text := "[" + strings.NewReplacer("[", "(", "]", ")").Replace(zshQuoted(f.usage)) + "]"
	switch f.kind() {
	case "dir":
		text = "=" + text + ":" + f.placeholder + ":_directories"
	case "file":
		text = "=" + text + ":" + f.placeholder + ":_files"
	case "words":
		text = "=" + text + ":" + f.placeholder + ":(" + strings.ReplaceAll(strings.Join(f.words, " "), ":", `\:`) + ")"
	case "other":
		text = "=" + text + ":" + f.placeholder + ": "
	}
	switch {
	case len(f.names) > 1 && f.often:
		return fmt.Sprintf("'*'{%s,%s}'%s'", dashed(f.names[1]), dashed(f.names[0]), text)
	case len(f.names) > 1:
		return fmt.Sprintf("'(%s %s)'{%[1]s,%[2]s}'%[3]s'", dashed(f.names[1]), dashed(f.names[0]), text)
	case f.often:
		return "'*" + dashed(f.names[0]) + text + "'"
	}
	return "'" + dashed(f.names[0]) + text + "'"
}

func zshQuoted(text string) string { return strings.ReplaceAll(text, "'", `'\''`) }

const zshTemplate = `_certgraft_sources() {
  local -a ids regions
  ids=(@IDS@)
  regions=(@REGIONS@)
  if [[ $PREFIX == *:* ]]; then
    compadd -a regions
  else
    compadd -a ids
  fi
  _files
}
_certgraft_images() {
  local -a transports
  transports=(@TRANSPORTS@)
  compset -P '*:' || compadd -S '' -a transports
  _files
}
_certgraft() {
  local -i at=${words[(i)--]}
  if [[ $words[2] == run ]] && ((at < CURRENT)); then
    shift $at words
    ((CURRENT -= at))
    _normal
    return
  fi
  if ((CURRENT == 2)); then
    local -a commands
    commands=(
@COMMANDS@
    )
    _describe command commands
    return
  fi
  local cmd=$words[2]
  shift words
  ((CURRENT--))
  local -a args
@FLAGS@
  _arguments -S $args
}
if [[ $funcstack[1] == _certgraft ]]; then
  _certgraft "$@"
else
  compdef _certgraft certgraft
fi
`
