package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// completionTest is a command line before a press of the completion key, and the
// offers of each shell.
type completionTest struct {
	line    string
	replies []string // some of the offers
	not     []string // no offers
}

var completionTests = []completionTest{
	{"certgraft ins", []string{"install", "inspect"}, []string{"remove"}},
	{"certgraft install --dry", []string{"--dry-run"}, []string{"--root"}},
	{"certgraft install corp.pem --off", []string{"--offline"}, nil},
	{"certgraft env --off", nil, []string{"--offline"}},
	{"certgraft bundle --format ", []string{"pem", "split", "der"}, []string{"sh", "aws-rds"}},
	{"certgraft env --format ", []string{"sh", "dockerfile"}, []string{"pem"}},
	{"certgraft install --expired=", []string{"skip", "keep"}, []string{"aws-rds"}},
	{"certgraft install --root di", []string{"dir/"}, []string{"digitalocean-db"}},
	{"certgraft install --root dir aws-r", []string{"aws-rds", "aws-redshift"}, []string{"azure-db"}},
	{"certgraft install aws-rds:eu-west-", []string{"eu-west-1"}, []string{"us-east-1"}},
	{"certgraft install corp", []string{"corp.pem"}, nil},
	{"certgraft list aws-r", []string{"aws-rds"}, nil},
	{"certgraft inspect docker-d", []string{"docker-daemon:"}, nil},
	{"certgraft verify --starttls postg", []string{"postgres", "postgres-direct"}, nil},
	{"certgraft completion ", []string{"bash", "zsh", "fish"}, []string{"aws-rds"}},
	{"certgraft run corp.pem -- ech", []string{"echo"}, nil},
}

// wordTests have a command line for each flag that takes words. The words must be
// the only offers.
func wordTests(t *testing.T) (tests []completionTest) {
	seen := map[string]bool{}
	for _, c := range documented(t).commands {
		for _, f := range c.flags {
			key := f.names[0] + " " + strings.Join(f.words, " ")
			if f.words == nil || testing.Short() && seen[key] {
				continue
			}
			seen[key] = true
			tests = append(tests, completionTest{line: "certgraft " + c.name + " --" + f.names[0] + " ", replies: f.words})
		}
	}
	return append(tests, completionTest{line: "certgraft completion ", replies: []string{"bash", "zsh", "fish"}})
}

// completes runs the tests in a real shell. offers returns the shell's offers for
// a line, in a directory with dir/ and corp.pem.
func completes(t *testing.T, shell string, offers func(t *testing.T, dir, script, line string) []string) {
	t.Helper()
	if _, err := exec.LookPath(shell); err != nil {
		t.Skipf("%s is not installed", shell)
	}
	script, err := filepath.Abs(root + "/internal/command/completions/certgraft." + shell)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "corp.pem"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range completionTests {
		t.Run(test.line, func(t *testing.T) {
			got := offers(t, dir, script, test.line)
			has := func(want string) bool {
				return slices.ContainsFunc(got, func(reply string) bool {
					return strings.TrimSuffix(reply, "/") == strings.TrimSuffix(want, "/") || strings.HasSuffix(reply, ":"+want) || strings.HasSuffix(reply, "="+want)
				})
			}
			for _, want := range test.replies {
				if !has(want) {
					t.Errorf("%s is not offered, but %q", want, got)
				}
			}
			for _, no := range test.not {
				if has(no) {
					t.Errorf("%s is offered, in %q", no, got)
				}
			}
		})
	}
	for _, test := range wordTests(t) {
		t.Run(test.line, func(t *testing.T) {
			got := slices.Sorted(slices.Values(offers(t, dir, script, test.line)))
			if want := slices.Sorted(slices.Values(test.replies)); !slices.Equal(slices.Compact(got), want) {
				t.Errorf("offered are %q, want %q", got, want)
			}
		})
	}
}

// shellOutput runs a shell in dir with an environment of its own.
func shellOutput(t *testing.T, dir string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TERM=dumb", "LC_ALL=C"}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", args[0], err)
	}
	return string(out)
}

func TestBashCompletes(t *testing.T) {
	completes(t, "bash", func(t *testing.T, dir, script, line string) []string {
		out := shellOutput(t, dir, "bash", "--norc", "-c", `source "$1"; COMP_LINE=$2; COMP_POINT=${#2}; _certgraft; printf '%s\n' "${COMPREPLY[@]}"`, "bash", script, line)
		if strings.TrimSpace(out) == "" { // -o default: files
			out = shellOutput(t, dir, "bash", "--norc", "-c", `compgen -f -- "${1##* }"`+" || true", "bash", line)
		}
		return strings.Split(strings.TrimSpace(out), "\n")
	})
}

func TestFishCompletes(t *testing.T) {
	completes(t, "fish", func(t *testing.T, dir, script, line string) []string {
		var replies []string
		for reply := range strings.Lines(shellOutput(t, dir, "fish", "--no-config", "-c", `source $argv[1]; complete -C "$argv[2]"`, script, line)) {
			reply, _, _ = strings.Cut(strings.TrimSpace(reply), "\t")
			replies = append(replies, reply)
		}
		return replies
	})
}

// zshCapture types lines into an interactive zsh, in a terminal of the module
// zpty. For each line it prints the line and the words that compadd adds.
const zshCapture = `
zmodload zsh/zpty
script=$1 dir=$2
shift 2
zpty z zsh -f -i
zpty -w z 'PS1= PROMPT_EOL_MARK=; unset zle_bracketed_paste; autoload -Uz compinit; compinit -D -u; source '$script
zpty -w z 'compadd() {
  [[ ${@[(r)-[OAD]]} == -[OAD] ]] && { builtin compadd "$@"; return }
  local -a __hits; builtin compadd -O __hits "$@"; print -rl -- $__hits >>'$dir'/hits; builtin compadd "$@"
}
finish() { BUFFER=; touch '$dir'/done }; zle -N finish; bindkey "^T" finish; bindkey "^I" expand-or-complete; print ready'
zpty -r z out '*ready*ready*'
for line; do
  rm -f $dir/hits $dir/done
  zpty -n -w z $line$'\t\x14'
  integer i=0
  while [[ ! -e $dir/done ]] && ((i++ < 1200)); do zpty -r -t z out; sleep 0.02; done
  print -r -- "line $line"
  cat $dir/hits 2>/dev/null
done
zpty -d z
`

func TestZshCompletes(t *testing.T) {
	var replies map[string][]string
	completes(t, "zsh", func(t *testing.T, dir, script, line string) []string {
		if replies == nil {
			replies = zshReplies(t, dir, script)
		}
		return replies[line]
	})
}

// zshReplies completes every line in one zsh, because compinit takes a second.
func zshReplies(t *testing.T, dir, script string) map[string][]string {
	t.Helper()
	args := []string{"zsh", "-f", "-c", zshCapture, "zsh", script, t.TempDir()}
	for _, test := range slices.Concat(completionTests, wordTests(t)) {
		args = append(args, test.line)
	}
	replies, line := map[string][]string{}, ""
	for text := range strings.Lines(shellOutput(t, dir, args...)) {
		text = strings.TrimSuffix(text, "\n")
		if begun, ok := strings.CutPrefix(text, "line "); ok {
			line = begun
			continue
		}
		replies[line] = append(replies[line], text)
	}
	return replies
}
