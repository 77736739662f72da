package step

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/keystore"
	"github.com/certgraft/certgraft/rootfs"
)

const (
	bundleFile = "etc/ssl/certs/ca-certificates.crt"
	cacerts    = "etc/ssl/certs/java/cacerts"
)

// world is a root with a bundle, links and a trust store of Java, and the CAs of
// the test.
type world struct {
	root        string
	opt         Options
	system, own *roottest.CA
	corp        *roottest.CA // of the step
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{root: t.TempDir(), system: roottest.NewCA(t, "System"), own: roottest.NewCA(t, "Own"), corp: roottest.NewCA(t, "Corp")}
	w.opt = Options{Root: w.root, Update: rootfs.Options{Marker: installer.RecordPath, Unread: installer.TakesEveryFile}}
	w.write(t, "usr/sbin/update-ca-certificates", "#!/bin/sh\n")
	w.write(t, "etc/ca-certificates.conf", "mozilla/System.crt\n")
	w.write(t, "usr/share/ca-certificates/mozilla/System.crt", w.system.PEM())
	w.write(t, bundleFile, w.system.PEM())
	w.link(t, "/usr/share/ca-certificates/mozilla/System.crt", "etc/ssl/certs/System.pem")
	w.link(t, "System.pem", hashLink(t, w.system, 0))
	w.write(t, cacerts, w.store(t, w.system))
	w.write(t, "usr/local/share/ca-certificates/.keep", "")
	w.age(t)
	return w
}

// age gives each name of the root a time of its own, long ago.
func (w *world) age(t *testing.T) {
	t.Helper()
	at := time.Unix(1_600_000_000, 0)
	w.walk(t, func(name string) {
		at = at.Add(time.Hour)
		if err := setTimes(w.root, name, &status{Atim: timespec(at), Mtim: timespec(at)}); err != nil {
			t.Fatal(err)
		}
	})
}

func (w *world) walk(t *testing.T, f func(name string)) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(w.root), ".", func(name string, _ fs.DirEntry, err error) error { f(name); return err })
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) at(name string) string { return filepath.Join(w.root, name) }

func (w *world) write(t *testing.T, name, data string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(w.at(name)), 0o755))
	must(t, os.WriteFile(w.at(name), []byte(data), 0o644))
}

func (w *world) link(t *testing.T, target, name string) {
	t.Helper()
	must(t, os.Symlink(target, w.at(name)))
}

func (w *world) read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(w.at(name))
	must(t, err)
	return string(data)
}

// store returns a trust store of Java.
func (w *world) store(t *testing.T, cas ...*roottest.CA) string {
	t.Helper()
	s := keystore.NewJKS(keystore.DefaultPassword)
	for _, ca := range cas {
		must(t, s.Add(keystore.Entry{Alias: strings.ToLower(ca.Cert.Subject.CommonName), Cert: parsed(t, ca)}))
	}
	data, err := s.Encode()
	must(t, err)
	return string(data)
}

// aliases returns the names of the entries of the trust store of Java.
func (w *world) aliases(t *testing.T) string {
	t.Helper()
	s, err := keystore.Open([]byte(w.read(t, cacerts)), keystore.DefaultPassword)
	must(t, err)
	var names []string
	for _, e := range s.Entries() {
		names = append(names, e.Alias)
	}
	return strings.Join(names, " ")
}

// install plays a certgraft that the command runs.
func (w *world) install(t *testing.T, ca *roottest.CA) {
	t.Helper()
	_, err := w.opt.Update.Update(t.Context(), w.root, func(r *rootfs.Overlay) error {
		_, err := installer.Install(r, sources(t, ca), installer.Options{})
		return err
	})
	must(t, err)
}

// facts returns everything that a layer stores about the names of the root.
func (w *world) facts(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	w.walk(t, func(name string) {
		s := look(w.root, name)
		what := ""
		switch s.Mode & 0o170000 {
		case 0o100000:
			what = w.read(t, name)
		case 0o120000:
			what, _ = os.Readlink(w.at(name))
		}
		all[name] = fmt.Sprintf("%o %d.%d %s", s.Mode, s.Mtim.Sec, s.Mtim.Nsec, what)
	})
	return all
}

func (w *world) enter(t *testing.T) *Step {
	t.Helper()
	s, _, err := Enter(t.Context(), w.opt, sources(t, w.corp))
	must(t, err)
	if !strings.Contains(w.read(t, bundleFile), w.corp.PEM()) {
		t.Fatal("the bundle has no CA of the step")
	}
	return s
}

func sources(t *testing.T, ca *roottest.CA) []installer.Source {
	t.Helper()
	set := &certs.Set{}
	set.Add(parsed(t, ca), "ca")
	return []installer.Source{{Name: "./ca.pem", Anchor: "ca", Certs: set}}
}

func parsed(t *testing.T, ca *roottest.CA) *certs.Certificate {
	t.Helper()
	c, err := certs.ParseCertificate(ca.DER)
	must(t, err)
	return c
}

func hashLink(t *testing.T, ca *roottest.CA, n int) string {
	t.Helper()
	return fmt.Sprintf("etc/ssl/certs/%08x.%d", parsed(t, ca).SubjectHash(), n)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, want, got map[string]string) {
	t.Helper()
	for name, w := range want {
		if got[name] != w {
			t.Errorf("%s is %.60q, want %.60q", name, got[name], w)
		}
	}
	for name := range got {
		if _, known := want[name]; !known {
			t.Errorf("%s stays", name)
		}
	}
}

// A root that the command has not touched is restored with its times: in one
// process, and if another process leaves the step.
func TestUntouched(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, w *world, s *Step){
		"here": func(t *testing.T, _ *world, s *Step) { t.Helper(); must(t, s.Leave(t.Context())) },
		"later": func(t *testing.T, w *world, s *Step) {
			t.Helper()
			data, err := s.Save()
			must(t, err)
			s, err = Load(Options{Update: w.opt.Update}, data)
			must(t, err)
			must(t, s.Leave(t.Context()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			before := w.facts(t)
			s := w.enter(t)
			if w.aliases(t) == "system" {
				t.Error("the trust store of Java has no CA of the step")
			}
			leave(t, w, s)
			same(t, before, w.facts(t))
		})
	}
}

// The record of the base stays.
func TestRecordOfBase(t *testing.T) {
	w := newWorld(t)
	w.install(t, w.own)
	w.age(t)
	before := w.facts(t)
	must(t, w.enter(t).Leave(t.Context()))
	same(t, before, w.facts(t))
}

// A command that removes the CAs of the base removes the directory of the record
// too.
func TestRecordRemoved(t *testing.T) {
	w := newWorld(t)
	w.install(t, w.own)
	w.age(t)
	share := look(w.root, "usr/local/share")
	s := w.enter(t)
	_, err := w.opt.Update.Update(t.Context(), w.root, func(r *rootfs.Overlay) error {
		_, err := installer.Remove(r, installer.Selection{All: true}, installer.Options{})
		return err
	})
	must(t, err)
	must(t, s.Leave(t.Context()))
	if look(w.root, "usr/local/share/certgraft") != nil {
		t.Error("the directory of the record stays")
	}
	if share.sameTimes(look(w.root, "usr/local/share")) {
		t.Error("the directory above has the time of before")
	}
}

// commands are the actions of a command, with and without a step.
var commands = map[string]func(t *testing.T, w *world){
	"other files": func(t *testing.T, w *world) { t.Helper(); w.write(t, "srv/x", "x") },
	"mode":        func(t *testing.T, w *world) { t.Helper(); must(t, os.Chmod(w.at(bundleFile), 0o600)) },
	"bundle gone": func(t *testing.T, w *world) { t.Helper(); must(t, os.Remove(w.at(bundleFile))) },
	"appended": func(t *testing.T, w *world) {
		t.Helper()
		w.write(t, bundleFile, w.read(t, bundleFile)+w.own.PEM())
	},
	"hard link": func(t *testing.T, w *world) { t.Helper(); must(t, os.Link(w.at(bundleFile), w.at("srv"))) },
	"anchors gone": func(t *testing.T, w *world) {
		t.Helper()
		must(t, os.RemoveAll(w.at("usr/local/share/ca-certificates")))
	},
	"own by certgraft": func(t *testing.T, w *world) { t.Helper(); w.install(t, w.own) },
	"own by hand": func(t *testing.T, w *world) {
		t.Helper()
		w.write(t, "usr/local/share/ca-certificates/own.crt", w.own.PEM())
		w.link(t, "/usr/local/share/ca-certificates/own.crt", "etc/ssl/certs/own.pem")
		w.link(t, "own.pem", hashLink(t, w.own, 0))
		w.write(t, bundleFile, w.read(t, bundleFile)+w.own.PEM())
	},
}

// The root has the changes of the command, and no others.
func TestCommand(t *testing.T) {
	for name, command := range commands {
		t.Run(name, func(t *testing.T) {
			plain, w := newWorld(t), newWorld(t)
			*plain = world{root: plain.root, opt: plain.opt, system: w.system, own: w.own, corp: w.corp}
			must(t, os.RemoveAll(plain.root))
			must(t, os.MkdirAll(plain.root, 0o755))
			if out, err := exec.Command("cp", "-a", w.root+"/.", plain.root).CombinedOutput(); err != nil {
				t.Fatal(string(out))
			}
			command(t, plain)
			s := w.enter(t)
			command(t, w)
			must(t, s.Leave(t.Context()))
			same(t, bare(plain.facts(t)), bare(w.facts(t)))
			if name == "hard link" && look(w.root, "srv").Ino != look(w.root, bundleFile).Ino {
				t.Error("the link leads to another file")
			}
		})
	}
}

// bare removes the times of names that were just written, which differ between two
// runs, and of the directories above.
func bare(facts map[string]string) map[string]string {
	for name, f := range facts {
		mode, rest, _ := strings.Cut(f, " ")
		if at, body, _ := strings.Cut(rest, " "); !strings.HasPrefix(at, "160") {
			facts[name] = mode + " now " + body
		}
		if strings.HasPrefix(name, "usr/local/share/certgraft/installed.json") {
			facts[name] = "record"
		}
	}
	return facts
}

// A CA that the command installs itself stays trusted, even if it is the CA of the
// step.
func TestSameCA(t *testing.T) {
	t.Run("by certgraft", func(t *testing.T) {
		w := newWorld(t)
		s := w.enter(t)
		w.install(t, w.corp)
		must(t, s.Leave(t.Context()))
		w.trusts(t, w.corp)
		if w.aliases(t) == "system" {
			t.Error("the trust store of Java has lost the CA")
		}
	})
	t.Run("by anchor and links", func(t *testing.T) {
		w := newWorld(t)
		s := w.enter(t)
		w.write(t, "usr/local/share/ca-certificates/same.crt", w.corp.PEM())
		w.link(t, "/usr/local/share/ca-certificates/same.crt", "etc/ssl/certs/same.pem")
		w.link(t, "same.pem", hashLink(t, w.corp, 1))
		w.write(t, bundleFile, w.system.PEM()+w.corp.PEM())
		must(t, s.Leave(t.Context()))
		w.trusts(t, w.corp)
		if w.read(t, "usr/local/share/ca-certificates/same.crt") != w.corp.PEM() {
			t.Error("the anchor is another one")
		}
	})
	t.Run("by an anchor of before", func(t *testing.T) {
		w := newWorld(t)
		w.write(t, "usr/local/share/ca-certificates/same.crt", w.corp.PEM())
		s := w.enter(t)
		must(t, os.WriteFile(w.at("new"), []byte(w.system.PEM()+w.corp.PEM()), 0o644))
		must(t, os.Rename(w.at("new"), w.at(bundleFile))) // the links are what the tool would make
		must(t, s.Leave(t.Context()))
		w.trusts(t, w.corp)
	})
	t.Run("in a keystore", func(t *testing.T) {
		w := newWorld(t)
		s := w.enter(t)
		w.write(t, cacerts, w.store(t, w.system, w.corp))
		must(t, s.Leave(t.Context()))
		if got := w.aliases(t); !strings.Contains(got, "corp") {
			t.Errorf("the trust store of Java has %s", got)
		}
	})
}

// trusts checks that the bundle and the hash links have a CA.
func (w *world) trusts(t *testing.T, ca *roottest.CA) {
	t.Helper()
	if n := strings.Count(w.read(t, bundleFile), ca.PEM()); n != 1 {
		t.Errorf("the bundle has the CA %d times", n)
	}
	link := hashLink(t, ca, 0)
	r, closer, err := rootfs.ReadOnly(w.root)
	must(t, err)
	defer closer.Close()
	if data, err := fs.ReadFile(r, link); err != nil || !bytes.Contains(data, []byte(ca.PEM())) {
		t.Errorf("%s: %v, %.40q", link, err, data)
	}
}

// Steps at the same time: nested, and overlapping.
func TestSeveral(t *testing.T) {
	for name, order := range map[string][]int{"nested": {1, 0}, "beside": {0, 1}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			before := w.facts(t)
			all := []*Step{w.enter(t), w.enter(t)}
			must(t, all[order[0]].Leave(t.Context()))
			if !strings.Contains(w.read(t, bundleFile), w.corp.PEM()) {
				t.Error("the first that ends takes the CA from the other")
			}
			must(t, all[order[1]].Leave(t.Context()))
			for n, f := range w.facts(t) {
				if untimed(f) != untimed(before[n]) {
					t.Errorf("%s is %.60q, want %.60q", n, f, before[n])
				}
			}
		})
	}
}

// untimed returns a fact without the time.
func untimed(fact string) string {
	mode, rest, _ := strings.Cut(fact, " ")
	_, body, _ := strings.Cut(rest, " ")
	return mode + " " + body
}

// The next run clears the step of a killed owner, and keeps the step of a living
// one.
func TestClear(t *testing.T) {
	w := newWorld(t)
	s := w.enter(t)
	if n, err := Clear(t.Context(), w.opt); n != 0 || err != nil {
		t.Errorf("cleared %d: %v", n, err)
	}
	s.owner.release() // as the kernel does
	if n, err := Clear(t.Context(), w.opt); n != 1 || err != nil {
		t.Errorf("cleared %d: %v", n, err)
	}
	if got := w.read(t, bundleFile); got != w.system.PEM() {
		t.Errorf("the bundle is %.60q", got)
	}
	if got := w.aliases(t); got != "system" {
		t.Errorf("the trust store of Java has %s", got)
	}
	if _, err := os.Stat(w.at("usr/local/share/certgraft")); err == nil {
		t.Error("the directory of the record stays")
	}
}

// A step lives as long as the process that owns it, from every process's view.
func TestOwnerProcess(t *testing.T) {
	w := newWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, "sleep", "60")
	must(t, cmd.Start())
	w.opt.Owner = cmd.Process.Pid
	_, _, err := Enter(t.Context(), w.opt, sources(t, w.corp))
	must(t, err)
	if n, err := Clear(t.Context(), w.opt); n != 0 || err != nil {
		t.Errorf("cleared %d: %v", n, err)
	}
	stop()
	_ = cmd.Wait()
	if n, err := Clear(t.Context(), w.opt); n != 1 || err != nil {
		t.Errorf("cleared %d: %v", n, err)
	}
	if _, _, err := Enter(t.Context(), w.opt, sources(t, w.corp)); err == nil {
		t.Error("a process that does not live owns a step")
	}
}

func TestProcessLives(t *testing.T) {
	me, err := processOf(os.Getpid())
	must(t, err)
	for name, c := range map[string]struct {
		change func(p *process)
		want   bool
	}{
		"itself":               {func(*process) {}, true},
		"the number again":     {func(p *process) { p.Start = "1" }, false},
		"another container":    {func(p *process) { p.Namespace, p.Start = "pid:[1]", "1" }, true},
		"before the last boot": {func(p *process) { p.Boot, p.Namespace = "then", "pid:[1]" }, false},
	} {
		p := *me
		if c.change(&p); p.lives() != c.want {
			t.Errorf("%s: lives is %t", name, !c.want)
		}
	}
}

// No link in an untrusted root leads outside.
func TestLinksStayInside(t *testing.T) {
	outside := t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "x"), []byte("theirs"), 0o644))
	root := t.TempDir()
	must(t, os.Symlink(outside, filepath.Join(root, "out")))
	if look(root, "out/x") != nil {
		t.Error("a name outside is seen")
	}
	if err := overwrite(root, "out/x", []byte("ours")); err == nil {
		t.Error("a file outside is written")
	}
	if err := setTimes(root, "out/x", &status{}); err == nil {
		t.Error("the times of a file outside are set")
	}
}
