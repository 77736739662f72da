package rootfs_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// linkTree has every special case of links in a root.
const linkTree = `
-- etc/ssl/certs/ca.crt --
bundle
-- etc/ssl/cert.pem -> certs/ca.crt --
-- etc/abs.pem -> /etc/ssl/certs/ca.crt --
-- etc/pki -> /etc/ssl --
-- etc/rel -> ../etc/ssl/certs --
-- etc/up -> ../../../../etc/ssl/certs/ca.crt --
-- etc/chain -> chain2 --
-- etc/chain2 -> /etc/abs.pem --
-- etc/loop -> loop2 --
-- etc/loop2 -> loop --
-- etc/os-release -> ../usr/lib/os-release --
-- usr/lib/os-release --
ID=x
-- etc/self -> self/x --
-- etc/dangling -> /nowhere/file --
-- etc/dangling-dir -> /nowhere/dir --
-- etc/dot -> . --
-- etc/slash -> /etc//ssl/./certs/ --
-- file --
x
`

// lowers returns the same tree as three kinds of file system.
func lowers(t *testing.T) map[string]fs.ReadLinkFS {
	t.Helper()
	tree := roottest.Tree(t, []byte(linkTree))
	dir := t.TempDir()
	roottest.WriteTo(t, tree, dir)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return map[string]fs.ReadLinkFS{
		"os.Root": root.FS().(fs.ReadLinkFS),
		"MapFS":   tree,
		"Overlay": rootfs.NewOverlay(tree),
	}
}

func TestResolve(t *testing.T) {
	for kind, lower := range lowers(t) {
		t.Run(kind, func(t *testing.T) {
			o := rootfs.NewOverlay(lower)
			for name, want := range map[string]string{
				"etc/ssl/cert.pem":        "etc/ssl/certs/ca.crt",
				"/etc/abs.pem":            "etc/ssl/certs/ca.crt",
				"etc/pki/certs/ca.crt":    "etc/ssl/certs/ca.crt",
				"etc/rel/ca.crt":          "etc/ssl/certs/ca.crt",
				"etc/up":                  "etc/ssl/certs/ca.crt",
				"etc/chain":               "etc/ssl/certs/ca.crt",
				"etc/dangling":            "nowhere/file",
				"etc/dangling-dir/new/x":  "nowhere/dir/new/x",
				"etc/dot/dot/dot/abs.pem": "etc/ssl/certs/ca.crt",
				"etc/slash/ca.crt":        "etc/ssl/certs/ca.crt",
				"/../../etc/../file":      "file",
				"etc/./ssl/":              "etc/ssl",
				"./file":                  "file",
				"":                        ".",
				"/":                       ".",
			} {
				for range 2 { // the second lookup uses the cached directory
					if got, err := o.Resolve(name); err != nil || got != want {
						t.Errorf("%s: %q %v, want %q", name, got, err, want)
					}
				}
			}
			for name, want := range map[string]error{
				"etc/loop": syscall.ELOOP, "etc/self": syscall.ELOOP, "etc/loop/x": syscall.ELOOP,
				"file/x": syscall.ENOTDIR, "etc/ssl/cert.pem/x": syscall.ENOTDIR, "missing/../etc/ssl": fs.ErrNotExist, "missing/x/..": fs.ErrNotExist,
			} {
				if got, err := o.Resolve(name); !errors.Is(err, want) {
					t.Errorf("%s: %q %v, want %v", name, got, err, want)
				}
			}
		})
	}
}

func TestWriteThroughLinks(t *testing.T) {
	for kind, lower := range lowers(t) {
		t.Run(kind, func(t *testing.T) {
			o := rootfs.NewOverlay(lower)
			for _, name := range []string{"etc/chain", "etc/dangling", "/etc/dangling-dir/a/b"} {
				if err := o.WriteFile(name, []byte(name), 0o600); err != nil {
					t.Fatal(err)
				}
				if data, err := o.ReadFile(strings.TrimPrefix(name, "/")); err != nil || string(data) != name {
					t.Errorf("%s: %q %v", name, data, err)
				}
			}
			want := []string{"etc/ssl/certs/ca.crt -rw-r--r--", "nowhere drwxr-xr-x", "nowhere/dir drwxr-xr-x", "nowhere/dir/a drwxr-xr-x", "nowhere/dir/a/b -rw-------", "nowhere/file -rw-------"}
			if got := names(o); !slices.Equal(got, want) {
				t.Errorf("changes %q", got)
			}
		})
	}
}

func names(o *rootfs.Overlay) []string {
	var out []string
	for c := range o.Changes() {
		line := c.Name + " " + c.Mode.String()
		if c.Removed {
			line = c.Name + " removed"
		}
		out = append(out, line)
	}
	return out
}

func TestOverlayIsAFileSystem(t *testing.T) {
	for kind, lower := range lowers(t) {
		t.Run(kind, func(t *testing.T) {
			o := rootfs.NewOverlay(lower)
			for _, name := range []string{"etc/loop", "etc/loop2", "etc/self", "etc/dangling", "etc/dangling-dir", "etc/dot", "etc/pki", "etc/rel", "etc/slash"} {
				if err := o.Remove(name); err != nil { // TestFS opens every name
					t.Fatal(err)
				}
			}
			must(t, o.WriteFile("etc/new/file", []byte("new"), 0o644))
			must(t, o.Symlink("new/file", "etc/link"))
			must(t, o.MkdirAll("var/empty", 0o700))
			if err := fstest.TestFS(o, "etc/new/file", "etc/link", "etc/ssl/certs/ca.crt", "etc/up", "var/empty"); err != nil {
				t.Error(err)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestNothingChanged(t *testing.T) {
	o := rootfs.NewOverlay(lowers(t)["MapFS"])
	must(t, o.WriteFile("etc/abs.pem", []byte("bundle\n"), 0o600))
	must(t, o.Symlink("certs/ca.crt", "etc/ssl/cert.pem"))
	must(t, o.MkdirAll("etc/pki/certs", 0o700))
	must(t, o.Remove("not/there"))
	must(t, o.WriteFile("etc/gone", []byte("x"), 0o600))
	must(t, o.Remove("etc/gone"))
	if got := names(o); len(got) > 0 {
		t.Errorf("changes %q", got)
	}
}

func TestOverlayRefuses(t *testing.T) {
	tree := roottest.Tree(t, []byte(linkTree))
	tree["fifo"] = &fstest.MapFile{Mode: fs.ModeNamedPipe | 0o644}
	o := rootfs.NewOverlay(tree)
	for what, err := range map[string]error{
		"write to a directory":    o.WriteFile("etc/rel", nil, 0o644),
		"write to the root":       o.WriteFile("/", nil, 0o644),
		"write to a FIFO":         o.WriteFile("fifo", nil, 0o644),
		"write below a file":      o.WriteFile("file/x", nil, 0o644),
		"write to a loop":         o.WriteFile("etc/loop", nil, 0o644),
		"link over a directory":   o.Symlink("x", "etc/ssl"),
		"link below a loop":       o.Symlink("x", "etc/loop/y"),
		"remove a full directory": o.Remove("etc/ssl"),
		"remove the root":         o.Remove("/"),
		"directory over a file":   o.MkdirAll("file", 0o755),
		"directory below a file":  o.MkdirAll("file/x", 0o755),
		"directory in a loop":     o.MkdirAll("etc/loop", 0o755),
		"remove below a loop":     o.Remove("etc/loop/x"),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		} else if path, ok := errors.AsType[*fs.PathError](err); ok && !strings.HasPrefix(path.Path, "/") {
			t.Errorf("%s: %v does not name a path of the root", what, err)
		}
	}
	if got := names(o); len(got) > 0 {
		t.Errorf("changes %q", got)
	}
	for what, read := range map[string]func() error{
		"open a FIFO":         func() error { _, err := o.Open("fifo"); return err },
		"read a FIFO":         func() error { _, err := o.ReadFile("fifo"); return err },
		"read a directory":    func() error { _, err := o.ReadFile("etc"); return err },
		"list a file":         func() error { _, err := o.ReadDir("file"); return err },
		"link text of a file": func() error { _, err := o.ReadLink("file"); return err },
		"invalid name":        func() error { _, err := o.Open("/etc"); return err },
		"stat nothing":        func() error { _, err := o.Stat("nothing"); return err },
		"read an open directory": func() error {
			d, err := o.Open("etc")
			if err != nil {
				return nil
			}
			_, err = d.Read(make([]byte, 1))
			return err
		},
	} {
		if err := read(); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A removed directory hides its old content, also after it is made again.
func TestRemovedDirectoryHidesItsContent(t *testing.T) {
	o := rootfs.NewOverlay(lowers(t)["MapFS"])
	must(t, o.Remove("etc/ssl/certs/ca.crt"))
	must(t, o.Remove("etc/ssl/certs"))
	if _, err := o.Stat("etc/ssl/cert.pem"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the link still leads somewhere: %v", err)
	}
	must(t, o.MkdirAll("etc/ssl/certs", 0o755))
	if entries, err := o.ReadDir("etc/ssl/certs"); err != nil || len(entries) > 0 {
		t.Errorf("%v %v", entries, err)
	}
}

func FuzzResolve(f *testing.F) {
	f.Add("etc/chain/../loop")
	f.Add("//etc/./ssl/../../..")
	tree := roottest.Tree(f, []byte(linkTree))
	f.Fuzz(func(t *testing.T, name string) {
		o := rootfs.NewOverlay(tree)
		real, err := o.Resolve(name)
		if err == nil && !fs.ValidPath(real) && !strings.ContainsRune(name, 0xfffd) && strings.ToValidUTF8(name, "") == name {
			t.Errorf("%q resolves to %q", name, real)
		}
	})
}

// The cache of one name must not mislead another: a link and its target may share their
// last element.
func TestResolveRemembers(t *testing.T) {
	o := rootfs.NewOverlay(lowers(t)["MapFS"])
	for range 2 {
		for name, want := range map[string]string{"etc/os-release": "usr/lib/os-release", "etc/up": "etc/ssl/certs/ca.crt", "etc/pki/cert.pem": "etc/ssl/certs/ca.crt", "etc/rel/new": "etc/ssl/certs/new"} {
			if got, err := o.Resolve(name); err != nil || got != want {
				t.Errorf("%s: %q %v, want %q", name, got, err, want)
			}
		}
	}
	must(t, o.Remove("etc/rel"))
	must(t, o.Symlink("/usr/lib", "etc/rel"))
	if got, err := o.Resolve("etc/rel/new"); err != nil || got != "usr/lib/new" {
		t.Errorf("a link that was changed: %q %v", got, err)
	}
}
