package command_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/certgraft/certgraft/internal/command"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"certgraft": func() {
			status := command.Run(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr)
			if name := os.Getenv(peakFile); name != "" {
				tellPeak(name)
			}
			os.Exit(status)
		},
		// The documentation calls this name; see docs_place_test.go.
		"certgraft-in-docs": func() {
			args, err := docArgs(os.Args)
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(99)
			}
			args[0] = "certgraft"
			os.Exit(docStatus(args, command.Run(context.Background(), args, os.Stdin, os.Stdout, os.Stderr)))
		},
		"docs-stub": func() {
			if err := docStub(os.Args[1:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		},
	})
}

func TestScripts(t *testing.T) {
	corp, err := filepath.Abs("../../testdata/bundles/corp.pem")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Files:               scripts(t),
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"mkimage": mkimage, "server": serve, "status": status},
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector sleeps for a second
			env.Setenv("CORP", corp)
			env.Setenv("SOURCE_DATE_EPOCH", "1800000000")
			return os.Mkdir(filepath.Join(env.WorkDir, "root"), 0o755)
		},
	})
}

// scripts are all scripts in testdata/script. With -short they are only those of
// up to ten command lines, because each line starts the program.
func scripts(t *testing.T) (chosen []string) {
	t.Helper()
	all, err := filepath.Glob("../../testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !testing.Short() || len(startsProgram.FindAll(text, -1)) <= 10 {
			chosen = append(chosen, name)
		}
	}
	if len(chosen) < 30 {
		t.Fatalf("only %d of %d scripts are chosen", len(chosen), len(all))
	}
	return chosen
}

var startsProgram = regexp.MustCompile(`(?m)^[^#\n]*\b(exec|status \d+) certgraft `)

// status N COMMAND… succeeds if the command ends with status N.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command [args…]")
	}
	got := 0
	err := ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("status is %d, want %s", got, args[0])
	}
}
