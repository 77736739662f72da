package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/internal/roottest"
)

// bundleDir returns the directory of a container, its bundle file and its CA.
func bundleDir(t *testing.T) (dir, pem, ca string) {
	t.Helper()
	dir = t.TempDir()
	testFile(t, filepath.Join(dir, "config.json"), []byte(`{"root":{"path":"rootfs"},"process":{"env":["PATH=/bin"]}}`))
	pem = testFile(t, filepath.Join(dir, "rootfs/etc/ssl/cert.pem"), []byte(roottest.NewCA(t, "System").PEM()))
	return dir, pem, testFile(t, filepath.Join(dir, "corp.pem"), []byte(roottest.NewCA(t, "Corp").PEM()))
}

// hookCall calls a hook as a runtime does.
func hookCall(t *testing.T, bundle string, args ...string) (status int, said string) {
	t.Helper()
	state := `{"ociVersion":"1.0.2","id":"c1","status":"created","pid":` + strconv.Itoa(os.Getpid()) + `,"bundle":` + strconv.Quote(bundle) + `}`
	var text bytes.Buffer
	status = Run(t.Context(), append([]string{"certgraft", "hook"}, args...), strings.NewReader(state), io.Discard, &text)
	return status, text.String()
}

func readText(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The root trusts between the two calls, and is restored afterwards.
func TestHook(t *testing.T) {
	dir, pem, ca := bundleDir(t)
	state := filepath.Join(dir, "state")
	before, old := readText(t, pem), modTime(t, pem)
	if status, said := hookCall(t, dir, "in", "--state", state, "--offline", ca); status != 0 || said != "" {
		t.Fatalf("status %d: %s", status, said)
	}
	if !strings.Contains(readText(t, pem), readText(t, ca)) {
		t.Error("the root does not trust")
	}
	p, said := testPrinter(environ{})
	if p.clearSteps(t.Context(), filepath.Join(dir, "rootfs")); said.Len() > 0 {
		t.Errorf("a container that lives lost its CAs: %s", said)
	}
	if status, said := hookCall(t, dir, "out", "--state", state); status != 0 || said != "" {
		t.Fatalf("status %d: %s", status, said)
	}
	if readText(t, pem) != before || modTime(t, pem) != old {
		t.Error("the bundle is not what it was")
	}
	if left, _ := os.ReadDir(state); len(left) > 0 {
		t.Errorf("%v stays", left)
	}
	if status, said := hookCall(t, dir, "out", "--state", state); status != 0 || said != "" {
		t.Errorf("a second out: status %d: %s", status, said)
	}
}

func modTime(t *testing.T, name string) string {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime().String()
}

// A failed hook lets the container start, with a one-line message, unless it is
// strict.
func TestHookFails(t *testing.T) {
	dir, pem, _ := bundleDir(t)
	state, before := filepath.Join(dir, "state"), readText(t, pem)
	bad := filepath.Join(dir, "nowhere.pem")
	status, said := hookCall(t, dir, "in", "--state", state, "--offline", bad)
	if status != 0 || strings.Count(said, "\n") != 1 || !strings.Contains(said, "container c1") {
		t.Errorf("status %d: %s", status, said)
	}
	if log := readText(t, filepath.Join(state, "hook.log")); !strings.Contains(log, "nowhere.pem") {
		t.Errorf("the log is %s", log)
	}
	if status, said = hookCall(t, dir, "in", "--strict", "--state", state, "--offline", bad); status == 0 {
		t.Errorf("status %d: %s", status, said)
	}
	if status, said = hookCall(t, dir, "on"); status != 2 {
		t.Errorf("status %d: %s", status, said)
	}
	if readText(t, pem) != before {
		t.Error("the root was changed")
	}
}

// A container whose root is already gone leaves no files behind.
func TestHookOutWithoutRoot(t *testing.T) {
	dir, _, ca := bundleDir(t)
	state := filepath.Join(dir, "state")
	hookCall(t, dir, "in", "--state", state, "--offline", ca)
	if err := os.RemoveAll(filepath.Join(dir, "rootfs")); err != nil {
		t.Fatal(err)
	}
	if status, said := hookCall(t, dir, "out", "--strict", "--state", state); status != 0 {
		t.Errorf("status %d: %s", status, said)
	}
	if left, _ := os.ReadDir(state); len(left) > 0 {
		t.Errorf("%v stays", left)
	}
}

// An engine without root keeps the state of its hooks where its user may write.
func TestUsualState(t *testing.T) {
	const initial, rootless = "         0          0 4294967295\n", "         0       1000          1\n         1     200000      65536\n"
	for name, test := range map[string]struct {
		uidMap string
		uid    int
		want   string
	}{
		"root":                      {initial, 0, "/run/certgraft"},
		"a user":                    {initial, 1000, "/run/user/1000/certgraft"},
		"a user without a session":  {initial, 1001, "/run/certgraft"},
		"rootless":                  {rootless, 0, "/run/user/1000/certgraft"},
		"rootless, a mapped user":   {rootless, 5, "/run/certgraft"},
		"root of an inner engine":   {"0 100000 65536\n", 0, "/run/certgraft"},
		"a machine without the map": {"", 1000, "/run/user/1000/certgraft"},
	} {
		files := fstest.MapFS{"run/user/0": {Mode: fs.ModeDir}, "run/user/1000": {Mode: fs.ModeDir}, "proc/self/uid_map": {Data: []byte(test.uidMap)}}
		if got := usualState(files, test.uid); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestCDI(t *testing.T) {
	dir, _, ca := bundleDir(t)
	run := func(args ...string) (int, string) {
		var out bytes.Buffer
		status := Run(t.Context(), append([]string{"certgraft", "cdi", "--output", "-"}, args...), nil, &out, &out)
		return status, out.String()
	}
	t.Chdir(dir)
	if status, text := run("--strict", "./corp.pem"); status != 0 || !json.Valid([]byte(text)) || !strings.Contains(text, strconv.Quote(ca)) || strings.Count(text, `"--strict"`) != 2 {
		t.Errorf("status %d: %s", status, text)
	}
	for want, args := range map[int][]string{1: {"./nowhere.pem"}, 2: {"--device", "-x", ca}} {
		if status, text := run(args...); status == 0 || want == 2 && status != 2 {
			t.Errorf("%q: status %d: %s", args, status, text)
		}
	}
	for _, source := range []string{"-", "https://nowhere.test/ca.pem"} {
		if status, text := run(source); status != 2 {
			t.Errorf("%s: status %d: %s", source, status, text)
		}
	}
}

var errBecame = errors.New("became the runtime")

// runWrapper runs the wrapper and returns the program that it becomes.
func runWrapper(t *testing.T, config, path string, args ...string) (became []string, said string, err error) {
	t.Helper()
	p, text := testPrinter(environ{"PATH": path})
	w := &wrapper{p, config, filepath.Dir(config), "7", func(_ string, args, env []string) error {
		if became = args; !slices.Contains(env, wrapperTurn+"=7") {
			t.Errorf("the environment of the runtime: %q", env)
		}
		return errBecame
	}}
	err = w.run(context.Background(), append([]string{wrapperName}, args...))
	return became, text.String(), err
}

// A container that is made gets the hooks. Any other call goes to the runtime
// unchanged.
func TestWrapper(t *testing.T) {
	dir, _, ca := bundleDir(t)
	runc := testFile(t, filepath.Join(dir, "bin/runc"), nil)
	if err := os.Chmod(runc, 0o755); err != nil {
		t.Fatal(err)
	}
	config := testFile(t, filepath.Join(dir, "host.json"), []byte(`{"sources":[`+strconv.Quote(ca)+`]}`))
	plain := readText(t, filepath.Join(dir, "config.json"))
	log := filepath.Join(t.TempDir(), "log.json")
	became, said, err := runWrapper(t, config, filepath.Dir(runc), "--log", log, "delete", "c1")
	if !slices.Equal(became, []string{runc, "--log", log, "delete", "c1"}) || said != "" || !errors.Is(err, errBecame) {
		t.Errorf("%q, %s, %v", became, said, err)
	}
	if readText(t, filepath.Join(dir, "config.json")) != plain {
		t.Error("the configuration was changed")
	}
	became, said, _ = runWrapper(t, config, filepath.Dir(runc), "create", "--bundle", dir, "c1")
	if got := readText(t, filepath.Join(dir, "config.json")); len(became) != 5 || said != "" || !strings.Contains(got, ca) || !strings.Contains(got, "poststop") {
		t.Errorf("%q, %s: %s", became, said, got)
	}
	for name, text := range map[string]string{"odd": `{"source":["x"]}`, "no JSON": `{`, "no sources": `{}`} {
		config := testFile(t, filepath.Join(dir, "odd.json"), []byte(text))
		if became, said, err := runWrapper(t, config, filepath.Dir(runc), "run", "-b", dir, "c1"); len(became) == 0 || !strings.Contains(said, "starts without the CAs") {
			t.Errorf("%s: %q, %s, %v", name, became, said, err)
		}
	}
	if log := readText(t, filepath.Join(dir, "hook.log")); strings.Count(log, "starts without the CAs") != 3 {
		t.Errorf("the log is %s", log)
	}
	strict := testFile(t, filepath.Join(dir, "strict.json"), []byte(`{"sources":["-"],"strict":true,"more":1}`))
	log = filepath.Join(dir, "log.json")
	if became, _, err := runWrapper(t, strict, filepath.Dir(runc), "--log", log, "--log-format", "json", "run", "-b", dir, "c1"); len(became) > 0 || err == nil {
		t.Errorf("%q, %v", became, err)
	}
	if got := readText(t, log); !strings.Contains(got, `"level":"error"`) || !strings.Contains(got, "unknown field") {
		t.Errorf("the log of the runtime is %s", got)
	}
	if became, said, err := runWrapper(t, filepath.Join(dir, "nowhere.json"), filepath.Dir(runc), "run", "-b", dir, "c1"); len(became) == 0 || !strings.Contains(said, "starts without the CAs") {
		t.Errorf("%q, %s, %v", became, said, err)
	}
	none := testFile(t, filepath.Join(dir, "none.json"), []byte(`{"sources":["/x.pem"],"runtime":"certgraft-nowhere"}`))
	if _, _, err := runWrapper(t, none, dir, "run", "c1"); err == nil || errors.Is(err, errBecame) {
		t.Errorf("without a runtime: %v", err)
	}
}

// A wrapper that would become another copy of itself fails with a message. A
// wrapper that is called by a child of a wrapper works as usual.
func TestWrapperTurn(t *testing.T) {
	for turn, want := range map[string]string{"7": "is a certgraft too", "8": errBecame.Error()} {
		p, _ := testPrinter(environ{"PATH": filepath.Dir(testProgram(t, "runc")), wrapperTurn: turn})
		w := &wrapper{p, "/nowhere/host.json", t.TempDir(), "7", func(string, []string, []string) error { return errBecame }}
		if err := w.run(t.Context(), []string{"/usr/bin/runc", "list"}); !strings.Contains(err.Error(), want) {
			t.Errorf("in the turn of %s: %v", turn, err)
		}
	}
}

// testProgram makes a program of that name and returns its file.
func testProgram(t *testing.T, name string) string {
	t.Helper()
	file := testFile(t, filepath.Join(t.TempDir(), name), nil)
	if err := os.Chmod(file, 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

// The names by which the program is a wrapper, each with the replaced runtime.
func TestWrapped(t *testing.T) {
	for name, want := range map[string]string{
		"certgraft": "", "/usr/bin/certgraft": "", "rungc": "",
		"/usr/local/bin/certgraft-runc": "runc", "runc": "runc", "certgraft-crun": "crun", "/x/buildkit-runc": "buildkit-runc",
	} {
		if got := wrapped(name); got != want {
			t.Errorf("%s stands in for %q, want %q", name, got, want)
		}
	}
}

// The program is never its own runtime, under any name.
func TestNextRuntime(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	self := testFile(t, filepath.Join(dir, "certgraft"), nil)
	real := testFile(t, filepath.Join(other, "runc"), nil)
	for _, name := range []string{self, real} {
		if err := os.Chmod(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(self, filepath.Join(dir, "runc")); err != nil {
		t.Fatal(err)
	}
	if got, err := nextRuntime("runc", dir+":"+other, self); got != real || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := nextRuntime(real, "", self); got != real || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := nextRuntime("certgraft-nowhere", dir, self); err == nil {
		t.Errorf("%s", got)
	}
	if got, err := nextRuntime("sh", "", self); !strings.HasSuffix(got, "/bin/sh") || err != nil {
		t.Errorf("without PATH: %s, %v", got, err)
	}
}

// A hook runs in a directory of its own, so it needs the absolute path of each
// file, even of one without a slash.
func TestHookArguments(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	testFile(t, filepath.Join(dir, "mozilla"), nil)
	testFile(t, filepath.Join(dir, "corp"), nil)
	catalogue, err := bundles.Catalog(t.Context(), bundles.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pin := "@sha256:" + strings.Repeat("0", 64)
	in, _, err := hookArguments(catalogue, []string{"mozilla", "corp", "corp.pem", "corp.pem" + pin, "/etc/corp.pem"}, nil, false)
	want := []string{"--offline", "mozilla", filepath.Join(dir, "corp"), filepath.Join(dir, "corp.pem"), filepath.Join(dir, "corp.pem") + pin, "/etc/corp.pem"}
	if err != nil || !slices.Equal(in, want) {
		t.Errorf("%q, %v", in, err)
	}
}
