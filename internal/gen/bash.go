package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func bashCompletion(p program) string {
	var flags, operands, values strings.Builder
	kinds := map[string][]string{}
	for _, c := range p.commands {
		var all []string
		for _, f := range c.flags {
			for _, n := range f.names {
				all = append(all, dashed(n))
				if kind := f.kind(); kind != "" {
					key := kind + " " + strings.Join(f.words, " ")
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
		strings.NewReplacer("@COMMANDS@", strings.Join(names(p.commands), " "), "@IDS@", strings.Join(p.ids, " "), "@REGIONS@", strings.Join(p.regions, " "),
			"@TRANSPORTS@", strings.Join(transports, " "), "@FLAGS@\n", flags.String(), "@OPERANDS@\n", operands.String(), "@VALUES@\n", values.String()).
			Replace(bashTemplate)
}

// bashTemplate also works in bash 3.2, the version of macOS. Readline replaces
// only the text after the last = or :, so replies omit the text before it.
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
