package command

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/probe"
)

// flagValues are the words that a flag takes, by its name, or COMMAND --NAME
// where commands differ. Those of a flag that takes nothing else are in its
// usage, which [completed] checks.
var flagValues = map[string][]string{
	"bundle --format": {"pem", "split", "der"},
	"env --format":    {"sh", "dockerfile", "json", "compose"},
	"policy":          {"exact", "additions", "any"},
	"expired":         {"skip", "keep", "fail"},
	"non-ca":          {"keep", "skip", "fail"},
	"hooks":           {"auto", "none"},
	"scan":            {"auto", "all"},
	"patch --env":     {"auto", "none"},
	"starttls":        probe.ProtocolNames(),
}

// flagHints are words that a flag takes beside others.
var flagHints = map[string][]string{
	"stores":   {"auto", "system", "java", "php", "python", "ruby", "conda", "composer"},
	"platform": {"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/ppc64le", "linux/s390x", "linux/riscv64"},
	"proxy":    {"none", "http://"},
}

// transports begin the names of images.
var transports = []string{"docker://", "oci:", "oci-archive:", "docker-archive:", "docker-daemon:"}

// valueKind says what may stand behind a flag: "" nothing, "dir", "file",
// "words" with the words, or "other".
func valueKind(t *testing.T, c commandDoc, f flagDoc) (kind string, words []string) {
	t.Helper()
	for _, key := range []string{c.name + " --" + f.names[0], f.names[0]} {
		for _, w := range flagValues[key] {
			if !strings.Contains(f.usage, w) {
				t.Errorf("%s --%s: %q is completed, and is not in its usage: %s", c.name, f.names[0], w, f.usage)
			}
		}
		if words = slices.Concat(flagValues[key], flagHints[key]); words != nil {
			return "words", words
		}
	}
	switch {
	case f.placeholder == "":
		return "", nil
	case f.placeholder == "DIR":
		return "dir", nil
	case f.takesFile:
		return "file", nil
	}
	return "other", nil
}

// Every flag that completes words is one that there is.
func TestCompletedFlagsExist(t *testing.T) {
	known := map[string]bool{}
	for _, c := range documented(t).commands {
		for _, f := range c.flags {
			known[f.names[0]], known[c.name+" --"+f.names[0]] = true, true
		}
	}
	for _, m := range []map[string][]string{flagValues, flagHints} {
		for name := range m {
			if !known[name] {
				t.Errorf("there is no flag %s", name)
			}
		}
	}
}

// operandKind says what the arguments of a command are.
func operandKind(c commandDoc) string {
	switch {
	case strings.HasPrefix(c.args, "IMAGE SOURCE"):
		return "image-sources"
	case strings.HasPrefix(c.args, "SOURCE"):
		return "sources"
	case c.args == "[ID]":
		return "ids"
	case strings.Contains(c.args, "HOST"):
		return "hosts"
	case strings.Contains(c.args, "ROOT"), c.args == "A B":
		return "image"
	case c.args == "":
		return ""
	}
	return "shells"
}

// completedIDs returns the names that sources may have, without and with a region.
func completedIDs(t *testing.T) (ids, regions []string) {
	t.Helper()
	catalogue, err := bundles.Catalog(bundles.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for p := range catalogue.All() {
		ids = append(ids, p.ID)
		for _, region := range slices.Sorted(maps.Keys(p.Regions)) {
			regions = append(regions, p.ID+":"+region)
		}
	}
	return ids, regions
}

func names(commands []commandDoc) []string {
	var all []string
	for _, c := range commands {
		all = append(all, c.name)
	}
	return all
}

const generatedBy = "# Made from the command tree by go test ./internal/command -run TestGenerated -update. Do not edit.\n"

func bashCompletion(t *testing.T, p program) string {
	ids, regions := completedIDs(t)
	var flags, operands, values strings.Builder
	kinds := map[string][]string{}
	for _, c := range p.commands {
		var all []string
		for _, f := range c.flags {
			for _, n := range f.names {
				all = append(all, dashed(n))
				kind, words := valueKind(t, c, f)
				if kind != "" {
					key := kind + " " + strings.Join(words, " ")
					kinds[key] = append(kinds[key], "'"+c.name+" "+dashed(n)+"'")
				}
			}
		}
		fmt.Fprintf(&flags, "    %s) flags='%s' ;;\n", c.name, strings.Join(all, " "))
		fmt.Fprintf(&operands, "    %s) operands=%s ;;\n", c.name, operandKind(c))
	}
	for _, key := range slices.Sorted(maps.Keys(kinds)) {
		kind, words, _ := strings.Cut(key, " ")
		fmt.Fprintf(&values, "    %s)\n      kind=%s words='%s' ;;\n", strings.Join(kinds[key], " | "), kind, words)
	}
	return "# Completion of certgraft for bash: source <(certgraft completion bash)\n" + generatedBy +
		strings.NewReplacer("@COMMANDS@", strings.Join(names(p.commands), " "), "@IDS@", strings.Join(ids, " "), "@REGIONS@", strings.Join(regions, " "),
			"@TRANSPORTS@", strings.Join(transports, " "), "@FLAGS@\n", flags.String(), "@OPERANDS@\n", operands.String(), "@VALUES@\n", values.String()).
			Replace(bashTemplate)
}

// bashTemplate works in bash 3.2 too, which is that of a Mac. Readline replaces
// what is behind the last = or :, so replies are without what is before it.
const bashTemplate = `_certgraft() {
  local ids='@IDS@'
  local regions='@REGIONS@'
  local line=${COMP_LINE:0:COMP_POINT} cur prev cmd kind='' words='' flags='' operands='' i
  local -a all
  local IFS=$' \t\n'
  read -ra all <<<"$line"
  [[ $line == *[[:space:]] ]] && all+=('')
  cur=${all[${#all[@]} - 1]} prev=${all[${#all[@]} - 2]} cmd=${all[1]}
  COMPREPLY=()
  if ((${#all[@]} == 2)); then
    COMPREPLY=($(compgen -W '@COMMANDS@ --help --version' -- "$cur"))
    return
  fi
  for ((i = 2; i < ${#all[@]} - 1; i++)); do
    if [[ ${all[i]} == -- && $cmd == run ]]; then
      ((i == ${#all[@]} - 2)) && COMPREPLY=($(compgen -c -- "$cur"))
      return
    fi
  done
  case $cmd in
@FLAGS@
  esac
  case $cmd in
@OPERANDS@
  esac
  if [[ $cur == --*=* ]]; then
    prev=${cur%%=*} cur=${cur#*=}
  fi
  case "$cmd $prev" in
@VALUES@
  esac
  if [[ -z $kind && $cur == -* ]]; then
    kind=words words=$flags
  elif [[ -z $kind ]]; then
    kind=$operands
  fi
  [[ $kind == *sources || $kind == ids ]] && words=$ids && [[ $cur == *:* ]] && words=$regions
  [[ $kind == image* ]] && words="$words @TRANSPORTS@"
  [[ $kind == shells ]] && words='bash zsh fish'
  case $kind in
    dir) COMPREPLY=($(compgen -d -- "$cur")) ;;
    hosts) COMPREPLY=($(compgen -A hostname -- "$cur")) ;;
    file | other) ;;
    *)
      COMPREPLY=($(compgen -W "$words" -- "$cur"))
      [[ $COMP_WORDBREAKS == *:* && $cur == *:* ]] && COMPREPLY=("${COMPREPLY[@]#"${cur%"${cur##*:}"}"}")
      ;;
  esac
  case $kind in
    *sources | image) IFS=$'\n' && COMPREPLY+=($(compgen -f -- "${cur##*:}")) ;;
  esac
  case $kind,${COMPREPLY[0]} in
    image*,*: | image*,*// | dir,*) compopt -o nospace 2>/dev/null ;;
  esac
  [[ $kind == dir ]] && compopt -o filenames 2>/dev/null
  return 0
}
complete -o bashdefault -o default -F _certgraft certgraft
`

func zshCompletion(t *testing.T, p program) string {
	ids, regions := completedIDs(t)
	var commands, cases strings.Builder
	groups := map[string][]string{} // what is said of flags and arguments, by the commands that have them
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
			say(zshFlag(t, c, f), c.name)
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
		strings.NewReplacer("@COMMANDS@\n", commands.String(), "@IDS@", strings.Join(ids, " "), "@REGIONS@", strings.Join(regions, " "),
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
}

func zshFlag(t *testing.T, c commandDoc, f flagDoc) string {
	kind, words := valueKind(t, c, f)
	text := "[" + strings.NewReplacer("[", "(", "]", ")").Replace(zshQuoted(f.usage)) + "]"
	switch kind {
	case "dir":
		text = "=" + text + ":" + f.placeholder + ":_directories"
	case "file":
		text = "=" + text + ":" + f.placeholder + ":_files"
	case "words":
		text = "=" + text + ":" + f.placeholder + ":(" + strings.ReplaceAll(strings.Join(words, " "), ":", `\:`) + ")"
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

func fishCompletion(t *testing.T, p program) string {
	ids, regions := completedIDs(t)
	var lines []string
	flags := map[string][]string{} // what is said of a flag, and by which commands
	for _, c := range p.commands {
		lines = append(lines, fmt.Sprintf("complete -c certgraft -n '__certgraft_is' -f -a %s -d '%s'", c.name, fishQuoted(c.usage)))
		for _, f := range c.flags {
			said := fishFlag(t, c, f)
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
		strings.NewReplacer("@IDS@", strings.Join(ids, " "), "@REGIONS@", strings.Join(regions, " "), "@TRANSPORTS@", strings.Join(transports, " ")).Replace(fishTemplate) +
		strings.Join(lines, "\n") + "\n"
}

// fishOperands are what completes the arguments.
var fishOperands = map[string]string{
	"sources":       "-F -a '(__certgraft_sources)'",
	"image-sources": "-F -a '(__certgraft_images) (__certgraft_sources)'",
	"image":         "-F -a '(__certgraft_images)'",
	"ids":           "-f -a '(__certgraft_sources)'",
	"hosts":         "-f -a '(__fish_print_hostnames)'",
	"shells":        "-f -a 'bash zsh fish'",
	"":              "-f",
}

func fishFlag(t *testing.T, c commandDoc, f flagDoc) string {
	kind, words := valueKind(t, c, f)
	var text strings.Builder
	for _, n := range f.names {
		if len(n) == 1 {
			text.WriteString("-s " + n + " ")
		} else {
			text.WriteString("-l " + n + " ")
		}
	}
	switch kind {
	case "dir":
		text.WriteString("-x -a '(__fish_complete_directories)' ")
	case "file":
		text.WriteString("-r -F ")
	case "words":
		text.WriteString("-x -a '" + strings.Join(words, " ") + "' ")
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
