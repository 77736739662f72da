package command

import (
	"slices"
	"strings"
	"testing"
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
		{"install a --root", "install --root -- a"},
		{"install --nonsense a", "install --nonsense -- a"},
		{"install --root -- a", "install --root -- -- a"},
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

func TestPermuteRefusesFlagsBeforeTheCommand(t *testing.T) {
	app := newApp(newPrinter(nil, nil, nil, environ{}), commands)
	_, err := permute(app, strings.Fields("certgraft --root /x install a"))
	if exitStatus(err) != exitUsage {
		t.Errorf("got %v, want a usage error", err)
	}
}

// Only what is asked for is put together, and it has the name it is known by.
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
