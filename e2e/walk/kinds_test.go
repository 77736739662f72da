//go:build e2e

package walk

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// kind is a kind of root, with what others do to it.
type kind struct {
	name, suite string
	lay         func(t *testing.T, root string) // lays the template of the root
	verbs       map[string]verb
	tool        func(w *world, root string, fresh bool) error // the distribution's own; nil where there is none
	view        func(root string) (map[string]trusted, error)
	bundle      string                 // the store of the view that install --append edits
	generated   []string               // directories and files that are generated
	brings      []string               // CAs of the pool that the base has
	appends     bool                   // install --append is one of the steps
	refuses     func(root string) bool // there is reason for status 3
	image       bool                   // the root is an image
	environ     []string               // of the image
	atEnd       func(w *world) *failure

	laid sync.Once
}

// verb is a step of someone else. It must mean the same in the root and in its
// shadow: it names certificates, never places.
type verb struct {
	of func(k *kind) []string // the CAs it may name
	do func(w *world, root, name string) error
}

// takes reports whether the verb takes a CA.
func (v verb) takes() bool { return v.of(bundleOnly) != nil }

// trusted is what a store holds: fingerprints, with an alias before them where
// entries have one.
type trusted map[string]bool

// printIn returns the fingerprint of a key.
func printIn(key string) string { return key[strings.LastIndex(key, " ")+1:] }

func (s trusted) holds(print string) bool {
	for key := range s {
		if printIn(key) == print {
			return true
		}
	}
	return false
}

// kinds are all kinds of roots, in the order in which seeds take them: a new one
// comes last.
var kinds = []*kind{bookworm, trixie, alpineTool, alpineBundle, bundleOnly, fedora, javaJKS, javaP12, imageTrixie, imageBundle}

// template returns the root that walks of the kind begin with.
func (k *kind) template(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(scratch, "base-"+k.name)
	k.laid.Do(func() {
		must(os.MkdirAll(dir, 0o755))
		k.lay(t, dir)
	})
	return dir
}

// start returns the root that certgraft edits.
func (k *kind) start(t *testing.T, w *world) target {
	if k.image {
		return newImage(t, w)
	}
	dir := filepath.Join(w.dir, "root")
	must(copyTree(w.base, dir))
	return directory(dir)
}

func (k *kind) isGenerated(name string) bool {
	return slices.ContainsFunc(k.generated, func(g string) bool { return name == g || strings.HasPrefix(name, g+"/") })
}

func nothing(*kind) []string { return nil }

func theirsOf(k *kind) []string { return slices.Clone(k.brings) }

func allOf(k *kind) []string { return append([]string{"a", "b", "c", "t1", "t2"}, k.brings...) }

// singleOf are those without another of the same name: a hash link to what somebody
// deletes hides what is behind it, and that is his doing.
func singleOf(k *kind) []string { return append([]string{"a", "b", "c"}, k.brings...) }

// The steps of those who edit a bundle by hand. Someone's certificate has a line
// before it unless it was never installed: else what is theirs and what is
// certgraft's is told apart by nothing at all, and nobody could say what is right.
func bundleVerbs(bundle string) map[string]verb {
	change := func(edit func(w *world, data []byte, name string) []byte) func(w *world, root, name string) error {
		return func(w *world, root, name string) error {
			file := filepath.Join(root, bundle)
			data, err := os.ReadFile(file)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return os.WriteFile(file, edit(w, data, name), 0o644)
		}
	}
	return map[string]verb{
		"append": {allOf, change(func(w *world, data []byte, name string) []byte {
			c := w.pool[name]
			switch ends := len(data) == 0 || data[len(data)-1] == '\n'; {
			case !ends && !w.ever[name]:
				return append(data, c.pem...) // glued to the last
			case !ends:
				data = append(data, '\n')
			}
			return append(data, "# "+c.subject+", added by hand\n"+c.pem...)
		})},
		"cat": {allOf, change(func(w *world, data []byte, name string) []byte {
			c := w.pool[name]
			if w.ever[name] {
				data = append(data, "\n# by hand\n"...)
			}
			return append(data, c.pem...)
		})},
		"drop":    {allOf, change(func(w *world, data []byte, name string) []byte { return without(data, w.pool[name].print) })},
		"newline": {nothing, change(func(_ *world, data []byte, _ string) []byte { return bytes.TrimRight(data, "\n") })},
		"dedupe": {nothing, change(func(w *world, data []byte, _ string) []byte {
			last := map[string]int{}
			found := blocks(data)
			for i, b := range found {
				last[printOf(b.der)] = i
			}
			var kept []block
			for i, b := range found {
				if last[printOf(b.der)] == i {
					kept = append(kept, b)
				}
			}
			return rewritten("each once"+strings.Repeat(".", w.at), kept)
		})},
		"reorder": {nothing, change(func(w *world, data []byte, _ string) []byte {
			found := blocks(data)
			slices.Reverse(found)
			return rewritten("backwards"+strings.Repeat(".", w.at), found)
		})},
		"restore": {nothing, func(w *world, root, _ string) error {
			data, err := os.ReadFile(filepath.Join(w.base, bundle))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(root, bundle), data, 0o644)
		}},
	}
}

// rewriting are the verbs after which it is hard to tell whose any certificate of
// the bundle was.
var rewriting = []string{"newline", "dedupe", "reorder", "restore"}

// without cuts each copy of a certificate out.
func without(data []byte, print string) []byte {
	for _, b := range slices.Backward(blocks(data)) {
		if printOf(b.der) == print {
			end := b.end
			if end < len(data) && data[end] == '\n' {
				end++
			}
			data = slices.Delete(data, b.start, end)
		}
	}
	return data
}

// rewritten writes certificates anew, behind a line that no tool writes. The line is
// another for each step: else nothing at all tells a file that somebody wrote anew
// twice from one that he wrote once.
func rewritten(how string, list []block) []byte {
	out := []byte("# " + how + "\n")
	for _, b := range list {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.der})...)
	}
	return out
}

// The steps of an administrator who puts anchors into a directory, and of one who
// takes certgraft's out by hand.
func anchorVerbs(dir, ext string, then func(w *world, root string) error) map[string]verb {
	file := func(root, name string) string {
		if before := []string{"a", "t1", "m1"}; slices.Contains(before, name) {
			name = "acme-" + name // the tools take it before certgraft's
		} else {
			name = "local-" + name
		}
		return filepath.Join(root, dir, name+ext)
	}
	return map[string]verb{
		"anchor": {allOf, func(w *world, root, name string) error {
			must(os.MkdirAll(filepath.Join(root, dir), 0o755))
			return os.WriteFile(file(root, name), []byte(w.pool[name].pem), 0o644)
		}},
		"unanchor": {allOf, func(w *world, root, name string) error {
			if err := os.Remove(file(root, name)); errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return then(w, root)
		}},
		"lose": {singleOf, func(w *world, root, name string) error {
			if takenOver(root, name, w.pool[name].print) {
				return nil // the tool has given it the hash link of someone's own file, and breaking that is no fault of certgraft
			}
			ours, err := filepath.Glob(filepath.Join(root, dir, "certgraft-*"))
			for _, file := range ours {
				if held(file)[w.pool[name].print] {
					err = errors.Join(err, os.Remove(file))
				}
			}
			return err
		}},
	}
}

// takenOver reports whether the hash link of a CA that someone has copied into the
// directory leads to certgraft's anchor.
func takenOver(root, name, print string) bool {
	if _, err := os.Stat(filepath.Join(root, "etc/ssl/certs/own-"+name+".pem")); err != nil {
		return false
	}
	links, err := filepath.Glob(filepath.Join(root, "etc/ssl/certs/*.[0-9]"))
	must(err)
	return slices.ContainsFunc(links, func(link string) bool {
		target, err := os.Readlink(link)
		data, _ := readIn(root, strings.TrimPrefix(link, root+"/"))
		return err == nil && strings.Contains(target, "certgraft-") && len(blocks(data)) == 1 && printOf(blocks(data)[0].der) == print
	})
}

func later(*world, string) error { return nil }

// The steps of the administrator of a root with the package ca-certificates.
func confVerbs() map[string]verb {
	const conf = "etc/ca-certificates.conf"
	change := func(from, to string) func(w *world, root, name string) error {
		return func(_ *world, root, name string) error {
			data, err := os.ReadFile(filepath.Join(root, conf))
			if err != nil {
				return err
			}
			line := "mozilla/" + theirs[name] + ".crt\n"
			data = bytes.Replace(data, []byte("\n"+from+line), []byte("\n"+to+line), 1)
			return os.WriteFile(filepath.Join(root, conf), data, 0o644)
		}
	}
	return map[string]verb{"deselect": {theirsOf, change("", "!")}, "select": {theirsOf, change("!", "")}}
}

// deselects reports whether a root's configuration deselects anything.
func deselects(root string) bool {
	data, _ := os.ReadFile(filepath.Join(root, "etc/ca-certificates.conf"))
	return bytes.Contains(data, []byte("\n!"))
}

// The steps of one who copies certificates into the directory of hash links.
func straightVerbs(rehash func(root string) error) map[string]verb {
	file := func(root, name string) string { return filepath.Join(root, "etc/ssl/certs/own-"+name+".pem") }
	return map[string]verb{
		"straight": {allOf, func(w *world, root, name string) error {
			return errors.Join(os.WriteFile(file(root, name), []byte(w.pool[name].pem), 0o644), rehash(root))
		}},
		"unstraight": {allOf, func(_ *world, root, name string) error {
			if err := os.Remove(file(root, name)); errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return rehash(root)
		}},
		"rehash": {nothing, func(_ *world, root, _ string) error { return rehash(root) }},
	}
}

// toolVerbs are the tool's own steps.
func toolVerbs(tool func(w *world, root string, fresh bool) error) map[string]verb {
	return map[string]verb{
		"tool":  {nothing, func(w *world, root, _ string) error { return tool(w, root, false) }},
		"fresh": {nothing, func(w *world, root, _ string) error { return tool(w, root, true) }},
	}
}

func merged(all ...map[string]verb) map[string]verb {
	one := map[string]verb{}
	for _, m := range all {
		maps.Copy(one, m)
	}
	return one
}

// inRoot runs a command in a Debian root over which directories of another are
// mounted, in a mount namespace of its own.
func inRoot(base, root string, over []string, script string) error {
	args := []string{"-m", "sh", "-ec", `base=$1 root=$2 script=$3; shift 3
		for dir; do mount --bind "$root/$dir" "$base/$dir"; done
		exec chroot "$base" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C sh -ec "$script"`, "sh", base, root, script}
	out, err := exec.Command("unshare", append(args, over...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", script, err, out)
	}
	return nil
}
