package command_test

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/certgraft/certgraft/internal/command"
	"github.com/certgraft/certgraft/internal/roottest"
)

// mkimage makes an image of a directory: mkimage --tag oci:DIR:TAG --tree DIR.
func mkimage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 || args[0] != "--tag" || args[2] != "--tree" {
		ts.Fatalf("usage: mkimage --tag oci:DIR:TAG --tree DIR")
	}
	parts := strings.Split(args[1], ":")
	t := scriptT{ts: ts}
	l := roottest.OpenLayout(t, ts.MkAbs(parts[1]))
	tree := fstest.MapFS{}
	root := os.DirFS(ts.MkAbs(args[3]))
	ts.Check(fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, name)
		tree[name] = &fstest.MapFile{Data: data, Mode: 0o755}
		return err
	}))
	for name := range tree {
		for dir := filepath.Dir(name); dir != "."; dir = filepath.Dir(dir) {
			tree[dir] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
		}
	}
	l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{roottest.TarTree(t, tree)}}), parts[2])
}

// scriptT lets helpers for tests fail a script.
type scriptT struct {
	testing.TB
	ts *testscript.TestScript
}

func (t scriptT) Helper()                   {}
func (t scriptT) Fatal(args ...any)         { t.ts.Fatalf("%v", args) }
func (t scriptT) Fatalf(f string, a ...any) { t.ts.Fatalf(f, a...) }

// Several commands use one registry. The names on standard output can be pulled,
// and no blob moves without need.
func TestPatchInRegistry(t *testing.T) {
	r := roottest.NewRegistry(t)
	l := roottest.NewLayout(t)
	layer := roottest.Tar(t, roottest.Dir("etc/"), roottest.Dir("etc/ssl/"), roottest.Dir("etc/ssl/certs/"), roottest.File("etc/ssl/certs/ca-certificates.crt", ""))
	index := l.Index(roottest.OCIIndex, nil,
		l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{layer}}), l.Image(roottest.Image{Packed: "gzip", Platform: "linux/arm64", Layers: [][]byte{layer}}))
	corp := filepath.Join("..", "..", "testdata", "bundles", "corp.pem")
	from := l.Tag(index, "x")
	run(t, 0, "patch", from, corp, "--tag", r.Host+"/app:1")
	r.Moved()
	out, errs := run(t, 0, "patch", r.Host+"/app:1", corp, "--tag", r.Host+"/app:2", "--tag", r.Host+"/app:3", "--cache", t.TempDir())
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 1 || !strings.HasPrefix(lines[0], r.Host+"/app@sha256:") || !strings.Contains(errs, "tagged: "+r.Host+"/app:1 is up to date, and was written as "+r.Host+"/app:2, "+r.Host+"/app:3") {
		t.Errorf("%q %q", out, errs)
	}
	if up, _ := r.Moved(); up != 0 {
		t.Errorf("%d bytes up", up)
	}
	extra := filepath.Join(t.TempDir(), "extra.pem")
	if err := os.WriteFile(extra, []byte(roottest.NewCA(t, "Extra Root").PEM()), 0o600); err != nil {
		t.Fatal(err)
	}
	r.Requests()
	out, _ = run(t, 0, "patch", r.Host+"/app:1", extra, "--in-place")
	if again, _ := run(t, 0, "patch", r.Host+"/app:1", extra, "--in-place"); again != out {
		t.Errorf("%q and then %q", out, again)
	}
	all := r.Requests()
	if n := len(slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s != "PUT manifests/1" })); n != 1 {
		t.Errorf("the tag was written %d times: %q", n, all)
	}
	another := filepath.Join(t.TempDir(), "another.pem")
	if err := os.WriteFile(another, []byte(roottest.NewCA(t, "Another Root").PEM()), 0o600); err != nil {
		t.Fatal(err)
	}
	r.Fault(func(_ http.ResponseWriter, req *http.Request) bool {
		if req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/blobs/") {
			r.Retag("app", "2", "1") // another program pushes meanwhile
		}
		return false
	})
	if _, errs := run(t, 1, "patch", r.Host+"/app:1", another, "--in-place"); !strings.Contains(errs, "pushed anew meanwhile") {
		t.Errorf("%s", errs)
	}
	r.Fault(nil)
	out, _ = run(t, 3, "patch", r.Host+"/app:1", corp, "--in-place", "--expired", "fail", "--non-ca", "fail", filepath.Join("..", "..", "go.mod"))
	if out != "" {
		t.Errorf("%q", out)
	}
}

// run runs the command line in this process.
func run(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	if got := command.Run(t.Context(), append([]string{"certgraft"}, args...), strings.NewReader(""), &out, &errs); got != want {
		t.Fatalf("certgraft %q: status %d, want %d\n%s", args, got, want, errs.String())
	}
	return out.String(), errs.String()
}
