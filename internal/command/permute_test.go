package command

import (
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/hint"
)

func TestPermute(t *testing.T) {
	app := newApp(newPrinter(nil, nil, nil, environ{}), commands)
	for _, test := range []struct{ in, want string }{
		{"install corp.pem --root /x", "install --root /x -- corp.pem"},
		{"install --root /x corp.pem", "install --root /x -- corp.pem"},
		{"install --root=/x corp.pem", "install --root=/x -- corp.pem"},
		{"install a --dry-run b -q", "install --dry-run -q -- a b"},
		{"install a -root /x", "install -root /x -- a"},
		{"install - --root /x", "install --root /x -- -"},
		{"install -- --root /x", "install -- --root /x"},
		{"run a --offline -- curl --offline -- x", "run --offline -- a -- curl --offline -- x"},
		{"run a -- --root", "run -- a -- --root"},
		{"install --root=--dry-run a", "install --root=--dry-run -- a"},
		{"install a --output - --dry-run", "install --output - --dry-run -- a"},
		{"install a --timeout -5s", "install --timeout -5s -- a"},
		{"install -@set:00 --root /x", "install --root /x -- -@set:00"},
		{"install --root /x -@sha256:00", "install --root /x -- -@sha256:00"},
		{"install ./a --help", "install --help"},
		{"list -h aws-rds", "list --help"},
		{"install --offline ./a -help --root /x", "install --help"},
		{"run ./a --help -- ls", "run --help"},
		{"run ./a -- ls --help", "run -- ./a -- ls --help"},
		{"install -- --help", "install -- --help"},
		{"list --search help", "list --search help --"},
		{"list", "list --"},
		{"nonsense --root /x", "nonsense --root /x"},
		{"--help", "--help"},
	} {
		got, err := permute(app, strings.Fields("certgraft "+test.in))
		if err != nil {
			t.Errorf("%s: %v", test.in, err)
			continue
		}
		if want := strings.Fields("certgraft " + test.want); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", test.in, got, want)
		}
	}
}

// A flag with a missing value must not take the separator or the next flag as its
// value. An unset shell variable is enough to cause this.
func TestPermuteMissingValue(t *testing.T) {
	app := newApp(newPrinter(nil, nil, nil, environ{}), commands)
	for _, test := range []struct{ in, want, hint string }{
		{"install a --root", "--root: its value is missing", "shell variable"},
		{"install --root R a --output", "--output: its value is missing", "shell variable"},
		{"install --root -- a", "--root: its value is missing", "shell variable"},
		{"run a --cache -- env", "--cache: its value is missing", "shell variable"},
		{"install a --root R --output --dry-run", "--output: its value is missing", "write --output=--dry-run"},
		{"install a --output -q", "--output: its value is missing", "write --output=-q"},
		{"install a -output --root=R", "-output: its value is missing", "write -output=--root=R"},
		{"install a --output --help", "--output: its value is missing", "write --output=--help"},
		{"install --ofline a", "install: unknown flag --ofline", "did you mean --offline?"},
		{"install --verbos=1 a", "install: unknown flag --verbos", "did you mean --verbose?"},
		{"install --nonsense a", "install: unknown flag --nonsense", "certgraft install --help lists the flags"},
	} {
		_, err := permute(app, strings.Fields("certgraft "+test.in))
		if exitStatus(err) != exitUsage || err.Error() != test.want || !strings.Contains(strings.Join(hint.Of(err), "\n"), test.hint) {
			t.Errorf("%s: %v, hints %q", test.in, err, hint.Of(err))
		}
	}
}

func TestPermuteRefusesFlagsBeforeTheCommand(t *testing.T) {
	app := newApp(newPrinter(nil, nil, nil, environ{}), commands)
	_, err := permute(app, strings.Fields("certgraft --root /x install a"))
	if exitStatus(err) != exitUsage {
		t.Errorf("got %v, want a usage error", err)
	}
}

// Only the requested command is built, under the name by which it was requested.
func TestCommandsAreBuiltByName(t *testing.T) {
	p := newPrinter(nil, nil, nil, environ{})
	for _, b := range commands {
		app := newApp(p, asked([]string{"certgraft", b.name, "x"}))
		if len(app.Commands) != 1 || app.Commands[0].Name != b.name {
			t.Errorf("%s: %v", b.name, app.Commands)
		}
	}
	for _, args := range [][]string{{"certgraft"}, {"certgraft", "--help"}, {"certgraft", "instal"}, {"certgraft", "--root", "/", "install"}} {
		if got := len(newApp(p, asked(args)).Commands); got != len(commands) {
			t.Errorf("%q: %d commands, not all", args, got)
		}
	}
}
