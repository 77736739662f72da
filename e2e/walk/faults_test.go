//go:build e2e

package walk

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
)

// Faults of the first release, each by the number that it had when it was found.
// Where a sequence of steps shows one, it is a walk: the same rules hold.

// remove takes out what nothing explains any more, and no CA of the package, by
// whatever way the record came to disagree with the bundle.
func TestG1RemoveTakesMozillasOwn(t *testing.T) {
	walks(t,
		"bookworm: install s1 m1 m2 | newline | install s2 a",
		"bookworm: install s1 m1 m2 | newline | sync s2 a",
		"trixie: install s1 m1 m2 | restore",
		"trixie: install s1 m1 | dedupe",
		"trixie: install s1 m1 | lose m1 | tool | append b",
		"alpine: install s1 m1 m2 | newline | install s2 a",
		"alpine: install s1 m1 | restore",
		"image-trixie: install s1 m1 m2 | restore",
		"bundle-only: install s1 a | restore | append a",
		"java-jks: install s1 a | restore | cat a",
	)
}

// A bundle that is the tool's own is made anew from the anchors that are left.
func TestG2RemoveSaysRemovedOfWhatStays(t *testing.T) {
	walks(t,
		"bookworm: cat a | install s1 a | fresh",
		"trixie: cat a | install s1 a | tool",
		"alpine: cat a | install s1 a | tool",
		"trixie: install s1 m1 | deselect m1 | tool",
		"trixie: append c | install s1 m1 | deselect m1 | tool",
		"alpine: append-only s3 c | sync s1 m1 | deselect m1 | tool",
		"image-trixie: cat a | install s1 a | fresh",
	)
	for _, k := range []*kind{bookworm, alpineTool} {
		t.Run("the report of "+k.name, func(t *testing.T) {
			root := fresh(t, k)
			a := pool(t, k.suite)["a"]
			file := rig.Write(t, filepath.Join(t.TempDir(), "corp.pem"), a.pem)
			bundle := filepath.Join(root, toolsBundle)
			rig.Write(t, bundle, rig.Read(t, bundle)+a.pem)
			rig.Run(t, certgraft, "install", "--root", root, file)
			ok(t, k.tool(&world{kind: k}, root, true))
			out := rig.Run(t, certgraft, "remove", "--root", root, "--all")
			if held(bundle)[a.print] && (strings.Contains(out, "1 removed") || !saysStays(out, a)) {
				t.Errorf("%s is still in the bundle: %s", a.subject, out)
			}
		})
	}
}

// saysStays reports whether a line of a text says that a CA stays.
func saysStays(text string, c ca) bool {
	for line := range strings.Lines(text) {
		if strings.Contains(line, "stays") && (strings.Contains(line, c.subject) || strings.Contains(line, c.print[:16])) {
			return true
		}
	}
	return false
}

// What stays is named, with what explains it, in the text and in the JSON.
func TestG2WhatStaysIsNamed(t *testing.T) {
	k := trixie
	for what, edit := range map[string]func(t *testing.T, root string, c ca){
		"an anchor of the administrator": func(t *testing.T, root string, c ca) {
			rig.Write(t, filepath.Join(root, localDir, "local-corp.crt"), c.pem)
			ok(t, debianTool(&world{kind: k}, root, false))
		},
		"a hand": func(t *testing.T, root string, c ca) {
			rig.Write(t, filepath.Join(root, toolsBundle), rig.Read(t, filepath.Join(root, toolsBundle))+"# by hand\n"+c.pem)
		},
	} {
		t.Run(what, func(t *testing.T) {
			root := fresh(t, k)
			a, m := pool(t, k.suite)["a"], pool(t, k.suite)["m1"]
			file := rig.Write(t, filepath.Join(t.TempDir(), "corp.pem"), a.pem+m.pem)
			edit(t, root, a)
			rig.Run(t, certgraft, "install", "--root", root, file)
			other := filepath.Join(t.TempDir(), "root")
			ok(t, copyTree(root, other))
			out := rig.Run(t, certgraft, "remove", "--root", root, "--all")
			r, err := parseReport(rig.Run(t, certgraft, "remove", "--json", "--root", other, "--all"))
			ok(t, err)
			named := map[string]staying{}
			for _, s := range r.Stays {
				named[s.Fingerprint] = s
			}
			for _, c := range []ca{a, m} {
				if !held(filepath.Join(root, toolsBundle))[c.print] {
					t.Errorf("%s is lost", c.subject)
				}
				if !saysStays(out, c) {
					t.Errorf("the text does not say that %s stays: %s", c.subject, out)
				}
				if s := named[c.print]; !strings.Contains(s.Subject, c.subject) || s.Because == "" {
					t.Errorf("the JSON does not say that %s stays: %s", c.subject, r)
				}
			}
		})
	}
}

// Whatever input a command waits for, a signal ends it at once, and not as a
// success.
func TestG3SignalsEndEveryWait(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	ok(t, syscall.Mkfifo(fifo, 0o600))
	root := filepath.Join(dir, "root")
	ok(t, os.Mkdir(root, 0o755))
	corp := rig.Write(t, filepath.Join(dir, "corp.pem"), poolOf()["a"].pem)
	rig.Write(t, filepath.Join(dir, "list"), "oci:"+dir+"/none:1\n")
	for _, args := range [][]string{
		{"bundle", fifo},
		{"bundle", "-"},
		{"bundle", "--download-ca", fifo, "--no-fallback", "https://127.0.0.1:1/x.pem"},
		{"bundle", "--lock", fifo, corp},
		{"bundle", "--format", "jks", "--password-file", fifo, corp, "--output", dir + "/x.jks"},
		{"check", "--policy", fifo, root},
		{"check", "--from-file", fifo},
		{"diff", fifo, root},
		{"diff", "--from-file", fifo},
		{"inspect", fifo},
		{"inspect", "--from-file", fifo},
		{"inspect", "--java-password-file", fifo, root},
		{"install", "--root", root, fifo},
		{"install", "--root", root, "--java-password-file", fifo, corp},
		{"list", "--catalog", fifo},
		{"lock", "--check", "--lock", fifo},
		{"patch", "--from-file", fifo, corp},
		{"patch", "--registry-ca", fifo, "--from-file", dir + "/list", corp},
		{"patch", "oci-archive:" + fifo, corp, "--tag", "oci:" + dir + "/x:1"},
		{"patch", "docker-archive:-", corp},
		{"remove", "--root", root, fifo},
		{"verify", "--java", fifo, "127.0.0.1:1"},
		{"run", corp, "--", "true"}, // which WGETRC keeps waiting
		{"run", fifo, "--", "true"},
	} {
		t.Run(strings.ReplaceAll(strings.Join(args, " "), dir+"/", ""), func(t *testing.T) {
			t.Parallel()
			for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
				endsAt(t, s, args, "WGETRC="+fifo)
			}
		})
	}
}

// endsAt runs a command that waits, and sends it a signal.
func endsAt(t *testing.T, s os.Signal, args []string, environ ...string) {
	t.Helper()
	stdin, end, err := os.Pipe() // nothing ever comes
	ok(t, err)
	defer stdin.Close()
	defer end.Close()
	cmd := exec.Command(certgraft, args...)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = stdin, &out, &out, append(os.Environ(), environ...)
	ok(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
		t.Fatalf("it did not wait: %s", out.String())
	case <-time.After(time.Second):
	}
	ok(t, cmd.Process.Signal(s))
	select {
	case <-ended:
		status, number := cmd.ProcessState.ExitCode(), s.(syscall.Signal)
		if status != 1 && (args[0] != "run" || status != 128+int(number)) {
			t.Errorf("%v: status %d: %s", s, status, out.String())
		}
	case <-time.After(10 * time.Second):
		ok(t, cmd.Process.Kill())
		<-ended
		t.Errorf("%v did not end it", s)
	}
}

// What no context ends, a reader of the output that does not read, the second
// signal ends.
func TestG3SecondSignalKills(t *testing.T) {
	stuck, out, err := os.Pipe()
	ok(t, err)
	defer stuck.Close()
	defer out.Close()
	cmd := exec.Command(certgraft, "bundle", "mozilla")
	cmd.Stdout = out
	ok(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for range 2 {
		time.Sleep(time.Second)
		ok(t, cmd.Process.Signal(os.Interrupt))
	}
	select {
	case <-ended:
		if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGINT {
			t.Errorf("it ended otherwise: %v", cmd.ProcessState)
		}
	case <-time.After(10 * time.Second):
		ok(t, cmd.Process.Kill())
		<-ended
		t.Error("two SIGINTs did not end it")
	}
}

// The hash name of what leaves goes to another file that holds the certificate.
func TestG4HashLinkThatOthersNeed(t *testing.T) {
	walks(t,
		"bookworm: install s1 a | anchor a | tool | append b",
		"trixie: install s1 a | anchor a | tool | append b",
		"alpine: install s1 a | anchor a | tool | append b",
		"trixie: reorder | install s1 a | straight a",
		"trixie: install s1 t2 | straight t2 | anchor c",
		"alpine: install s1 a | straight a | append b",
		"trixie: install s1 m1 | straight m1 | append b",
		"alpine: install s1 m1 | straight m1 | append b",
		"alpine: straight a | install s1 a | lose a",
	)
	t.Run("openssl verify", func(t *testing.T) {
		root := fresh(t, trixie)
		corp := newAuthority(t, "Corp Root", "corp.pem")
		rig.Run(t, certgraft, "install", "--root", root, corp.caFile)
		rig.Write(t, filepath.Join(root, localDir, "local-corp.crt"), corp.ca.pem)
		ok(t, debianTool(&world{kind: trixie}, root, false))
		bundle := filepath.Join(root, toolsBundle)
		rig.Write(t, bundle, rig.Read(t, bundle)+pool(t, "trixie")["b"].pem)
		rig.Run(t, certgraft, "remove", "--root", root, "--all")
		rig.Write(t, filepath.Join(root, localDir, "server"), rig.Read(t, corp.certFile))
		ok(t, inRoot(debianRoot("trixie"), root, debianDirs, "openssl verify -no-CAfile -no-CAstore -CApath /etc/ssl/certs /"+localDir+"/server"))
	})
}

// A user namespace that does not know the owner of the bundle: what to do is
// said, or it is done without the owner.
func TestG6OwnerThatIsNotMapped(t *testing.T) {
	root := fresh(t, bundleOnly)
	ok(t, os.Chown(filepath.Join(root, toolsBundle), 5000, 5000))
	rig.Run(t, "chmod", "a+rx", scratch)
	file := rig.Write(t, filepath.Join(t.TempDir(), "corp.pem"), poolOf()["a"].pem)
	before := survey(root)
	out, err := rig.Try(t, "unshare", "--user", "--map-root-user", certgraft, "install", "--root", root, file)
	if err == nil {
		if !held(filepath.Join(root, toolsBundle))[poolOf()["a"].print] {
			t.Errorf("installed, it says, and is not there: %s", out)
		}
		return
	}
	if !strings.Contains(out, "hint: ") || !strings.Contains(out, "namespace") {
		t.Errorf("no hint that names the user namespace: %s", out)
	}
	same(t, "the root after the failure", before, survey(root))
}

// same fails unless two surveys are the same.
func same(t *testing.T, what string, was, is map[string]string) {
	t.Helper()
	for _, name := range union(was, is) {
		if was[name] != is[name] {
			t.Errorf("%s: %s\n was %s\n is  %s", what, name, was[name], is[name])
		}
	}
}

// A CA that is not valid yet harms nobody, and SOURCE_DATE_EPOCH is often before
// its first day.
func TestG6CANotValidYet(t *testing.T) {
	root := fresh(t, bundleOnly)
	a := poolOf()["a"]
	file := rig.Write(t, filepath.Join(t.TempDir(), "corp.pem"), a.pem)
	rig.Run(t, "env", "SOURCE_DATE_EPOCH=1", certgraft, "install", "--root", root, file)
	if !held(filepath.Join(root, toolsBundle))[a.print] {
		t.Error("it is not in the bundle")
	}
}

// Sandboxes refuse to sync, and what an install has to do it does.
func TestG7SyncRefused(t *testing.T) {
	root := fresh(t, bundleOnly)
	a := poolOf()["a"]
	file := rig.Write(t, filepath.Join(t.TempDir(), "corp.pem"), a.pem)
	self, err := os.Executable()
	ok(t, err)
	rig.Run(t, "env", withoutSync+"=1", self, certgraft, "install", "--root", root, file)
	if !held(filepath.Join(root, toolsBundle))[a.print] {
		t.Error("it is not in the bundle")
	}
}

// What is installed after --append leaves the bundle in the tool's order.
func TestG7OrderAfterAppend(t *testing.T) {
	for _, k := range []*kind{bookworm, trixie, alpineTool} {
		t.Run(k.name, func(t *testing.T) {
			root := fresh(t, k)
			p := pool(t, k.suite)
			dir := t.TempDir()
			rig.Run(t, certgraft, "install", "--append", "--root", root, rig.Write(t, filepath.Join(dir, "second.pem"), p["b"].pem))
			rig.Run(t, certgraft, "install", "--root", root, rig.Write(t, filepath.Join(dir, "both.pem"), p["a"].pem+p["b"].pem))
			before := survey(filepath.Join(root, "etc/ssl"))
			ok(t, k.tool(&world{kind: k}, root, true))
			same(t, "the tool after install", before, survey(filepath.Join(root, "etc/ssl")))
		})
	}
}

// The package is purged, certgraft installs, the package comes back: one hash link
// for each certificate.
func TestG7PackagePurgedAndBack(t *testing.T) {
	for _, k := range []*kind{bookworm, trixie} {
		t.Run(k.name, func(t *testing.T) {
			root, shadow := fresh(t, k), fresh(t, k)
			parts := []string{"etc/ca-certificates.conf", "usr/share/ca-certificates", "usr/sbin/update-ca-certificates"}
			for _, dir := range []string{root, shadow} { // what its scripts do
				for _, part := range append(parts, "etc/ssl/certs") {
					ok(t, os.RemoveAll(filepath.Join(dir, part)))
				}
				ok(t, os.MkdirAll(filepath.Join(dir, "etc/ssl/certs"), 0o755))
			}
			rig.Run(t, certgraft, "install", "--root", root, rig.Write(t, filepath.Join(t.TempDir(), "corp.pem"), pool(t, k.suite)["m1"].pem+pool(t, k.suite)["a"].pem))
			for _, dir := range []string{root, shadow} {
				for _, part := range parts {
					ok(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, part)), 0o755))
					ok(t, copyTree(filepath.Join(k.template(t), part), filepath.Join(dir, part)))
				}
				ok(t, k.tool(&world{kind: k}, dir, false))
			}
			rig.Run(t, certgraft, "install", "--root", root, rig.Write(t, filepath.Join(t.TempDir(), "more.pem"), pool(t, k.suite)["m1"].pem+pool(t, k.suite)["b"].pem))
			counts := map[string][]string{}
			list, err := os.ReadDir(filepath.Join(root, "etc/ssl/certs"))
			ok(t, err)
			for _, entry := range list {
				if hash, n, ok := strings.Cut(entry.Name(), "."); ok && len(hash) == 8 && len(n) == 1 {
					data, err := readIn(root, "etc/ssl/certs/"+entry.Name())
					if err != nil {
						t.Errorf("%s: %v", entry.Name(), err)
					}
					for _, b := range blocks(data) {
						counts[printOf(b.der)] = append(counts[printOf(b.der)], entry.Name())
					}
				}
			}
			for print, names := range counts {
				if len(names) > 1 {
					t.Errorf("%s has the hash links %q", print, names)
				}
			}
			rig.Run(t, certgraft, "remove", "--root", root, "--all")
			ok(t, k.tool(&world{kind: k}, root, true))
			ok(t, k.tool(&world{kind: k}, shadow, true))
			same(t, "remove --all and the tool", survey(shadow), survey(root))
		})
	}
}

// Walks that were red when all faults were cured: what stands behind what goes, the
// first of a bundle taken out, numbers of hash links, an anchor deselected.
func TestWalksOnceRed(t *testing.T) {
	walks(t,
		"bookworm: sync s3 m2 | append m2 | install s1 c | remove s3",
		"alpine: sync s1 a | drop m1",
		"fedora: install s3 a | drop m1",
		"trixie: install s3 t2 | anchor t1 | straight t1 | tool | drop m3",
		"image-trixie: install s3 t2 | anchor t1 | straight t1 | tool",
		"trixie: straight b | install s1 b | unstraight b",
		"trixie: straight t1 | install s1 t2 | unstraight t1",
		"trixie: install s3 m2 | drop m2 | deselect m2",
		"bundle-only: install s1 b | sync s3 c | install s2 m3 | drop b | append b",
		"bundle-only: drop m3 | install s2 m3 | restore",
		"alpine: append t1 | sync s2 a | drop t1",
		"bundle-only: append b | install s1 a | drop b | drop a | append a",
		"alpine: anchor a | distrust a | tool | undo a",
		"bookworm: anchor a | distrust a | undo a",
		"fedora: distrust m2 | prune | undo m2",
		"alpine: anchor c | sync s1 c | unanchor c",
	)
}

// Anchors of ours that someone deleted leave no links behind.
func TestG7OurAnchorsDeletedByHand(t *testing.T) {
	walks(t, "bookworm: install s1 a | lose a", "trixie: install s1 a m1 | lose a | lose m1", "alpine: install s1 a | lose a", "fedora: install s1 a | lose a")
}

// However damaged a bundle is, what is said of it can be read.
func TestG7WarningsAreCapped(t *testing.T) {
	root := fresh(t, bundleOnly)
	bundle := filepath.Join(root, toolsBundle)
	rig.Write(t, bundle, rig.Read(t, bundle)+strings.Repeat("-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQv0TuNzLlp0h0dM\n-----END CERTIFICATE-----\n", 4_000))
	out := rig.Run(t, certgraft, "install", "--root", root, rig.Write(t, filepath.Join(t.TempDir(), "corp.pem"), poolOf()["a"].pem))
	if len(out) > 16<<10 {
		t.Errorf("%d bytes of output: %s…", len(out), out[:500])
	}
	if !strings.Contains(out, "4000") && !strings.Contains(out, " more") {
		t.Errorf("what is left out is not counted: %s", out[:min(len(out), 1000)])
	}
}

// remove takes the entry that install made, and nobody else's of the same
// certificate.
func TestG8RemoveTakesOthersJavaEntries(t *testing.T) {
	walks(t,
		"java-jks: install s1 a | import a",
		"java-p12: install s1 a | import a",
		"java-jks: import a | install s1 a",
		"java-jks: install s1 a | restore-java | import a",
		"java-p12: install s1 m1 | restore-java",
	)
	t.Run("what p11-kit extracts", func(t *testing.T) {
		root := fresh(t, fedora)
		a := poolOf()["a"]
		store := filepath.Join(root, extracted+"java/cacerts")
		rig.Run(t, certgraft, "install", "--root", root, rig.Write(t, filepath.Join(t.TempDir(), "corp.pem"), a.pem))
		rig.Run(t, "keytool", "-importcert", "-noprompt", "-storepass", "changeit", "-alias", "corp-app", "-file", rig.Write(t, filepath.Join(t.TempDir(), "a.pem"), a.pem), "-keystore", store)
		out := rig.Run(t, certgraft, "remove", "--root", root, "--all")
		entries, err := javaEntries(store)
		ok(t, err)
		if !entries["corp-app "+a.print] || len(entries) != len(mozilla)+1 {
			t.Errorf("corp-app is %v, of %d entries", entries["corp-app "+a.print], len(entries))
		}
		if !saysStays(out, a) {
			t.Errorf("it is not said that %s stays: %s", a.subject, out)
		}
	})
}

// On p11-kit's roots, someone else's anchor of the same certificate explains it in
// every file.
func TestG9OthersAnchorsOfP11Kit(t *testing.T) {
	walks(t,
		"fedora: install s1 a | anchor a | tool",
		"fedora: install s1 a | package a | tool",
		"fedora: anchor a | tool | install s1 a",
		"fedora: install s1 a | anchor a | tool | unanchor a",
		"fedora: install s1 a | block a",
		"fedora: install s1 m1 | tool",
	)
}

// What the tool made of our anchor since goes too, out of every file.
func TestG10EveryGeneratedFile(t *testing.T) {
	walks(t, "fedora: prune | install s1 a | tool", "fedora: prune | install s1 a m1 | tool | append b")
	t.Run("--stores system", func(t *testing.T) {
		root := fresh(t, fedora)
		a := poolOf()["a"]
		rig.Run(t, certgraft, "install", "--stores", "system", "--root", root, rig.Write(t, filepath.Join(t.TempDir(), "corp.pem"), a.pem))
		ok(t, fedoraTool(nil, root, true))
		rig.Run(t, certgraft, "remove", "--root", root, "--all")
		view, err := viewFedora(root)
		ok(t, err)
		for store, have := range view {
			if have[a.print] {
				t.Errorf("it is still in %s", store)
			}
		}
	})
}

// The counts of a report are of what the file holds before and after.
func TestG11ReportsCountWhatIsThere(t *testing.T) {
	k := trixie
	p := pool(t, k.suite)
	bundle := func(root string) string { return filepath.Join(root, toolsBundle) }
	for what, c := range map[string]struct {
		before func(root string) // after a first install of a
		names  []string
		args   []string
	}{
		"of the package":            {nil, []string{"m1"}, []string{"install"}},
		"put back":                  {func(root string) { replaceFile(bundle(root), without, p["a"].print) }, []string{"a"}, []string{"install"}},
		"already there":             {nil, []string{"a"}, []string{"install"}},
		"appended":                  {nil, []string{"b"}, []string{"install", "--append"}},
		"appended and then in full": {func(root string) { appendOnly(t, root, p["b"]) }, []string{"a", "b", "c"}, []string{"install"}},
		"removed":                   {nil, nil, []string{"remove", "--all"}},
		"removed, and it stays":     {func(root string) { installFile(t, root, p["m1"]) }, nil, []string{"remove", "--all"}},
		"removed after a hand":      {func(root string) { replaceFile(bundle(root), without, p["a"].print) }, nil, []string{"remove", "--all"}},
		"removed after --append":    {func(root string) { appendOnly(t, root, p["b"]) }, nil, []string{"remove", "--all"}},
	} {
		t.Run(what, func(t *testing.T) {
			root := fresh(t, k)
			installFile(t, root, p["a"])
			if c.before != nil {
				c.before(root)
			}
			had := len(held(bundle(root)))
			args := slices.Concat(c.args, []string{"--json", "--root", root})
			var text strings.Builder
			for _, name := range c.names {
				text.WriteString(p[name].pem)
			}
			if text.Len() > 0 {
				args = append(args, rig.Write(t, filepath.Join(t.TempDir(), "corp.pem"), text.String()))
			}
			out := rig.Run(t, certgraft, args...)
			r, err := parseReport(out)
			ok(t, err)
			rows := map[string]int{}
			for _, s := range r.Stores {
				rows[s.Path]++
				if rows[s.Path] > 1 {
					t.Errorf("%s has %d rows: %s", s.Path, rows[s.Path], r)
				}
				if s.Path != "/"+toolsBundle {
					continue
				}
				now := len(held(bundle(root)))
				if s.Total != now || s.Added-s.Removed != now-had {
					t.Errorf("%d added, %d removed, %d now; it held %d and holds %d: %s", s.Added, s.Removed, s.Total, had, now, r)
				}
				if n := len(c.names); n > 0 && s.Added+s.Present != n {
					t.Errorf("%d added and %d there of %d: %s", s.Added, s.Present, n, r)
				}
			}
		})
	}
}

func installFile(t *testing.T, root string, c ca) {
	t.Helper()
	rig.Run(t, certgraft, "install", "--root", root, rig.Write(t, filepath.Join(t.TempDir(), c.name+".pem"), c.pem))
}

func appendOnly(t *testing.T, root string, c ca) {
	t.Helper()
	rig.Run(t, certgraft, "install", "--append", "--root", root, rig.Write(t, filepath.Join(t.TempDir(), c.name+".pem"), c.pem))
}

func replaceFile(name string, edit func(data []byte, print string) []byte, print string) {
	data, err := os.ReadFile(name)
	must(err)
	must(os.WriteFile(name, edit(data, print), 0o644))
}

// Two names of one file are two files after install: that is said, unless they are
// still one.
func TestG12HardLinkedBundles(t *testing.T) {
	root := fresh(t, bundleOnly)
	bundle, second := filepath.Join(root, toolsBundle), filepath.Join(root, "etc/ssl/certs/second.pem")
	ok(t, os.Link(bundle, second))
	out := rig.Run(t, certgraft, "install", "--root", root, rig.Write(t, filepath.Join(t.TempDir(), "corp.pem"), poolOf()["a"].pem))
	one, err := os.Stat(bundle)
	ok(t, err)
	two, err := os.Stat(second)
	ok(t, err)
	if !os.SameFile(one, two) && !strings.Contains(out, "hard link") {
		t.Errorf("the two names are two files, and nothing is said of it: %s", out)
	}
}

// Links that install made to its first bundle are remembered as long as the
// bundle is there for someone else.
func TestG12LinksToAFirstBundle(t *testing.T) {
	root := t.TempDir()
	p := poolOf()
	rig.Run(t, certgraft, "install", "--root", root, rig.Write(t, filepath.Join(t.TempDir(), "corp.pem"), p["a"].pem))
	bundle := filepath.Join(root, toolsBundle)
	rig.Write(t, bundle, rig.Read(t, bundle)+"# by hand\n"+p["b"].pem)
	rig.Run(t, certgraft, "remove", "--root", root, "--all")
	if have := held(bundle); have[p["a"].print] || !have[p["b"].print] {
		t.Errorf("the bundle holds %v", have)
	}
	ok(t, os.Remove(bundle))
	rig.Run(t, certgraft, "remove", "--root", root, "--all")
	all, err := files(root)
	ok(t, err)
	for name, line := range all {
		if _, err := readIn(root, name); err != nil {
			t.Errorf("%s %s leads nowhere", name, line)
		}
	}
}

// A variable names a file that another store reads as input: it is left as it is,
// and the bundle is named in its place.
func TestS1VariableNamesAnAnchor(t *testing.T) {
	walks(t, "image-trixie: install s1 a | fresh", "image-trixie: install s1 a | straight c", "image-trixie: install s1 a | tool | remove s1")
	for what, c := range map[string]struct{ name, value string }{
		"an anchor":         {"NODE_EXTRA_CA_CERTS", "/" + localDir + "/company.crt"},
		"a link to one":     {"PIP_CERT", "/etc/ssl/certs/ISRG_Root_X1.pem"},
		"a hash link to it": {"REQUESTS_CA_BUNDLE", "/etc/ssl/certs/" + subjectHashOf(t, "m3") + ".0"},
	} {
		t.Run(what, func(t *testing.T) {
			root := fresh(t, imageTrixie)
			shadow := fresh(t, imageTrixie)
			a := poolOf()["a"]
			rig.Write(t, filepath.Join(root, "corp.pem"), a.pem)
			rig.Run(t, "cp", certgraft, filepath.Join(root, "certgraft"))
			inside := func(args ...string) string {
				return rig.Run(t, "chroot", append([]string{root, "/certgraft"}, args...)...)
			}
			t.Setenv(c.name, c.value)
			out := inside("install", "/corp.pem")
			for _, want := range []string{c.name, "/" + toolsBundle} {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in: %s", want, out)
				}
			}
			for _, dir := range []string{localDir, "usr/share/ca-certificates"} {
				is, should := survey(filepath.Join(root, dir)), survey(filepath.Join(shadow, dir))
				for name := range should {
					if is[name] != should[name] {
						t.Errorf("%s/%s was edited", dir, name)
					}
				}
			}
			ok(t, debianTool(&world{kind: trixie}, root, true))
			if !hashed(root, "etc/ssl/certs")[poolOf()["e"].print] {
				t.Error("the administrator's own CA is not found by hash any more")
			}
			inside("remove", "--all")
			ok(t, debianTool(&world{kind: trixie}, root, true))
			if held(filepath.Join(root, toolsBundle))[a.print] {
				t.Error("it is still in the bundle")
			}
			ok(t, os.Remove(filepath.Join(root, "corp.pem")))
			ok(t, os.Remove(filepath.Join(root, "certgraft")))
			same(t, "remove --all and the tool", survey(shadow), survey(root))
		})
	}
}

func subjectHashOf(t *testing.T, name string) string {
	t.Helper()
	return subjectHash(blocks([]byte(pool(t, "trixie")[name].pem))[0].der)
}

// The variable of an image is ours to set: patch has it name the bundle, and
// remove puts it back.
func TestS1PatchSetsTheVariable(t *testing.T) {
	k := imageTrixie
	w := &world{kind: k, base: k.template(t), dir: t.TempDir(), pool: pool(t, k.suite)}
	img := newImage(t, w).(*layered)
	file := rig.Write(t, filepath.Join(w.dir, "corp.pem"), w.pool["a"].pem)
	step := func(want string, args ...string) {
		out, stderr, status := img.certgraft(args...)
		if status != 0 {
			t.Fatalf("%q: status %d: %s", args, status, stderr)
		}
		var config struct{ Config struct{ Env []string } }
		ok(t, json.Unmarshal([]byte(rig.Run(t, "skopeo", "inspect", "--config", img.at)), &config))
		if got := strings.Join(config.Config.Env, " "); !strings.Contains(got, "NODE_EXTRA_CA_CERTS="+want) {
			t.Errorf("%q leaves %s\n%s%s", args[0], got, out, stderr)
		}
	}
	step("/"+toolsBundle, "install", "--env", "auto", file)
	step("/"+localDir+"/company.crt", "remove", "--all")
}

// fresh returns a new root of a kind, as a directory.
func fresh(t *testing.T, k *kind) string {
	t.Helper()
	dir, err := os.MkdirTemp(scratch, "root-") //nolint:usetesting // in memory, where the tools are fast
	ok(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	root := filepath.Join(dir, "root")
	ok(t, copyTree(k.template(t), root))
	ok(t, os.Chmod(dir, 0o755))
	return root
}
