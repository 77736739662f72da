//go:build e2e

package walk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// world is a root and its shadow, and what is known of certgraft's part in them.
type world struct {
	kind      *kind
	base, dir string // the template; the directory of this walk
	shadow    string // only the others edit it
	real      target
	pool      map[string]ca
	at        int // the step

	installed map[string]map[string]bool // names of CAs by source
	ever      map[string]bool            // names of CAs that were installed some time
	named     map[string]bool            // fingerprints that the last report about them says stay
	touched   map[string]bool            // fingerprints of CAs that a step of others named
	rewrote   bool                       // others wrote the bundle anew
	out       map[string]bool            // fingerprints of CAs that are distrusted
	log       []string
}

// failure is a walk that went wrong.
type failure struct {
	class string // what it is called while it is shortened
	what  string
	at    int
	log   []string
}

func (f *failure) Error() string { return f.what }

func (w *world) fail(class, format string, args ...any) *failure {
	if slices.Contains(strings.Split(os.Getenv("CERTGRAFT_WALK_IGNORE"), ","), strings.Fields(class)[0]) {
		return nil
	}
	return &failure{class, class + ": " + fmt.Sprintf(format, args...), w.at, w.log}
}

// say logs a line of the walk.
func (w *world) say(format string, args ...any) {
	w.log = append(w.log, "  "+fmt.Sprintf(format, args...))
}

// take does one step.
func (w *world) take(s step) *failure {
	w.log = append(w.log, fmt.Sprintf("%d %s", w.at+1, s))
	if v, ok := w.kind.verbs[s[0]]; ok {
		arg := ""
		if len(s) > 1 {
			arg = s[1]
			w.touched[w.pool[arg].print] = true
		}
		w.rewrote = w.rewrote || slices.Contains(rewriting, s[0])
		edit := func(root string) error { return v.do(w, root, arg) }
		if err := errors.Join(edit(w.shadow), w.real.edit(edit)); err != nil {
			return w.fail("step", "%s: %v", s, err)
		}
		return w.check()
	}
	return w.own(s)
}

// own is a step of certgraft.
func (w *world) own(s step) *failure {
	if s[0] == "distrust" || s[0] == "undo" {
		return w.distrust(s)
	}
	source := s[1]
	file := filepath.Join(w.dir, source+".pem")
	if s[0] == "remove" {
		if w.installed[source] == nil {
			return nil // its install was left out
		}
		before := w.claimed()
		out, f := w.certgraft("remove", file)
		if f != nil {
			return f
		}
		delete(w.installed, source)
		return w.judge(out, before)
	}
	var text strings.Builder
	for _, name := range s[2:] {
		text.WriteString(w.pool[name].pem)
	}
	must(os.WriteFile(file, []byte(text.String()), 0o644))
	before := w.claimed()
	args := map[string][]string{"install": {"install"}, "sync": {"install", "--sync"}, "append-only": {"install", "--append"}}[s[0]]
	out, f := w.certgraft(append(args, file)...)
	if f != nil {
		return f
	}
	if out.refused {
		return w.check()
	}
	if w.installed[source] == nil || s[0] == "sync" {
		w.installed[source] = map[string]bool{}
	}
	for _, name := range s[2:] {
		w.installed[source][name], w.ever[name] = true, true
		delete(w.named, w.pool[name].print)
	}
	if f := w.judge(out, before); f != nil {
		return f
	}
	if f := w.present(s[2:], s[0] == "append-only"); f != nil {
		return f
	}
	if _, err := os.Stat(filepath.Join(w.real.tree(), "usr/local/share/certgraft/installed.json")); w.kind.image && err != nil {
		clear(w.installed) // patch found all of it there, and leaves no record of nothing
	}
	return nil
}

// claimed returns the fingerprints of what is installed.
func (w *world) claimed() map[string]bool {
	set := map[string]bool{}
	for _, names := range w.installed {
		for name := range names {
			set[w.pool[name].print] = true
		}
	}
	return set
}

// judge takes note of what a report says stays, of what was claimed before and is
// no more.
func (w *world) judge(out *output, before map[string]bool) *failure {
	now := w.claimed()
	for print := range out.stays {
		if !now[print] {
			w.named[print] = true
		}
	}
	return w.check()
}

// present fails unless what was installed is in every store that install edits.
func (w *world) present(names []string, bundleAlone bool) *failure {
	stores, err := w.kind.view(w.real.tree())
	if err != nil {
		return w.fail("view", "%v", err)
	}
	for store, have := range stores {
		if bundleAlone && store != w.kind.bundle {
			continue
		}
		for _, name := range names {
			if !have.holds(w.pool[name].print) {
				return w.fail("missing "+store, "%s was installed and is not in %s", name, store)
			}
		}
	}
	return nil
}

// check compares the root with its shadow: nothing that others have is lost, and
// nothing is there but that, what is installed and what was said to stay.
func (w *world) check() *failure {
	is, err := w.kind.view(w.real.tree())
	if err != nil {
		return w.fail("view", "%v", err)
	}
	should, err := w.kind.view(w.shadow)
	if err != nil {
		return w.fail("view", "shadow: %v", err)
	}
	claimed := w.claimed()
	for _, store := range slices.Sorted(maps.Keys(should)) {
		for key := range should[store] {
			if !is[store][key] && !w.out[printIn(key)] {
				return w.fail("lost "+store, "%s is in the shadow and not in the root", w.name(key))
			}
		}
	}
	for _, store := range slices.Sorted(maps.Keys(is)) {
		for key := range is[store] {
			if should[store][key] || claimed[printIn(key)] {
				continue
			}
			if f := w.mayStay(store, key); f != nil {
				return f
			}
		}
	}
	return nil
}

// mayStay fails unless a report said that a certificate stays, and someone did
// something for which it is hard to tell whose it is. An alias is never hard to
// tell.
func (w *world) mayStay(store, key string) *failure {
	print := printIn(key)
	switch {
	case !w.named[print]:
		return w.fail("stays "+store, "%s is in the root and not in the shadow; it is not installed, and no report said that it stays", w.name(key))
	case print != key || !w.touched[print] && !w.rewrote:
		return w.fail("lazy "+store, "%s is in the root and not in the shadow; the report said that it stays, and nobody but certgraft put it there", w.name(key))
	}
	return nil
}

// name says which CA a key of a view is.
func (w *world) name(key string) string {
	print := printIn(key)
	for name, c := range w.pool {
		if c.print == print {
			return fmt.Sprintf("%s (%s)", name, key)
		}
	}
	return key
}

// end removes everything and compares to the byte what can be compared.
func (w *world) end() *failure {
	w.log = append(w.log, "remove --all")
	before := w.claimed()
	out, f := w.certgraft("remove", "--all")
	if f != nil {
		return f
	}
	w.installed = map[string]map[string]bool{}
	if f := w.judge(out, before); f != nil {
		return f
	}
	stores, err := w.kind.view(w.real.tree())
	if err != nil {
		return w.fail("view", "%v", err)
	}
	there := func(print string) bool {
		for _, s := range stores {
			if s.holds(print) {
				return true
			}
		}
		return false
	}
	for print := range out.stays {
		if !there(print) && !w.anywhere(print) {
			return w.fail("untrue", "the report says that %s stays, and nothing in the root holds it", w.name(print))
		}
	}
	if f := w.compareFiles(); f != nil {
		return f
	}
	if f := w.fixedPoint(); f != nil {
		return f
	}
	for print := range before {
		if there(print) && !out.stays[print] {
			return w.fail("unnamed", "%s was installed, is still there, and the report does not say so", w.name(print))
		}
	}
	if w.kind.atEnd != nil {
		return w.kind.atEnd(w)
	}
	return nil
}

// anywhere reports whether any file of the root holds a certificate: an anchor that
// waits for the tool, say.
func (w *world) anywhere(print string) bool {
	all, err := files(w.real.tree())
	must(err)
	for name := range all {
		if held(filepath.Join(w.real.tree(), name))[print] {
			return true
		}
	}
	return false
}

// compareFiles compares every file that no tool generates, and looks for links
// that lead nowhere.
func (w *world) compareFiles() *failure {
	is, err := files(w.real.tree())
	must(err)
	should, err := files(w.shadow)
	must(err)
	if len(w.named) > 0 {
		maps.DeleteFunc(is, func(name, _ string) bool { return strings.HasPrefix(name, "usr/local/share/certgraft/") })
	}
	for _, name := range union(is, should) {
		if !w.kind.isGenerated(name) && is[name] != should[name] {
			return w.fail("files", "%s: in the root %q, in the shadow %q", name, is[name], should[name])
		}
		if _, ok := should[name]; !ok && strings.Contains(is[name], " -> ") {
			if _, err := readIn(w.real.tree(), name); errors.Is(err, os.ErrNotExist) {
				return w.fail("dangling", "%s %s leads nowhere, and the shadow has no such link", name, is[name])
			}
		}
	}
	return nil
}

// fixedPoint compares what the tool generates: as it is, if the tool would change
// nothing in either root, and after the tool in any case.
func (w *world) fixedPoint() *failure {
	if w.kind.tool == nil {
		return nil
	}
	roots := []string{filepath.Join(w.dir, "end-root"), filepath.Join(w.dir, "end-shadow")}
	must(copyTree(w.real.tree(), roots[0]))
	must(copyTree(w.shadow, roots[1]))
	generated := func() (both [2]map[string]string) {
		for i, root := range roots {
			all, err := files(root)
			must(err)
			maps.DeleteFunc(all, func(name, _ string) bool { return !w.kind.isGenerated(name) })
			both[i] = all
		}
		return both
	}
	tool := func(fresh bool) {
		for _, root := range roots {
			must(w.kind.tool(w, root, fresh))
		}
	}
	before := generated()
	tool(false)
	if after := generated(); maps.Equal(before[0], after[0]) && maps.Equal(before[1], after[1]) {
		if f := w.sameBytes("bytes", before); f != nil {
			return f
		}
	}
	tool(true)
	return w.sameBytes("after-the-tool", generated())
}

func (w *world) sameBytes(class string, both [2]map[string]string) *failure {
	for _, name := range union(both[0], both[1]) {
		if both[0][name] != both[1][name] && !w.anyOrder(name, both) {
			return w.fail(class, "%s: in the root %q, in the shadow %q", name, both[0][name], both[1][name])
		}
	}
	return nil
}

// anyOrder reports whether a hash link differs in nothing but its number from
// another of its hash, where someone has a file of his own with what was installed.
// Beside certgraft's the file had no link: that it came before another of the
// subject, or after it, nothing in the root tells.
func (w *world) anyOrder(name string, both [2]map[string]string) bool {
	hash, _, _ := strings.Cut(name, ".")
	var targets [2][]string
	hidden := false
	for i, all := range both {
		for other, is := range all {
			if !strings.HasPrefix(other, hash+".") {
				continue
			}
			_, target, _ := strings.Cut(is, " -> ")
			own, ok := strings.CutPrefix(target, "own-")
			hidden = hidden || ok && w.ever[strings.TrimSuffix(own, ".pem")]
			targets[i] = append(targets[i], target)
		}
		slices.Sort(targets[i])
	}
	return hidden && slices.Equal(targets[0], targets[1])
}

func union(a, b map[string]string) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

// output is what a run of certgraft said.
type output struct {
	refused bool            // status 3: the administrator has deselected or blocked it
	stays   map[string]bool // fingerprints
	pending bool            // it says that an anchor is in no bundle before the tool runs
}

// certgraft runs a command on the root and reads its report.
func (w *world) certgraft(args ...string) (*output, *failure) {
	out, stderr, status := w.real.certgraft(append(args, "--json")...)
	short := strings.ReplaceAll(strings.Join(args, " "), w.dir+"/", "")
	if status == 3 && (w.kind.refuses != nil && w.kind.refuses(w.real.tree()) || len(w.out) > 0) {
		w.say("certgraft %s: refused: %s", short, strings.TrimSpace(stderr))
		return &output{refused: true}, nil
	}
	if status != 0 {
		return nil, w.fail("status", "certgraft %s: status %d: %s", short, status, stderr)
	}
	report, err := parseReport(out)
	if err != nil {
		return nil, w.fail("json", "certgraft %s: %v: %s", short, err, out)
	}
	w.say("certgraft %s: %s", short, report)
	stays := map[string]bool{}
	for _, s := range report.stays() {
		print := strings.ToLower(strings.ReplaceAll(s.Fingerprint, ":", ""))
		stays[print] = true
		if s.Because == "" || s.Subject == "" {
			return nil, w.fail("json", "what stays without subject or reason: %s", out)
		}
	}
	return &output{stays: stays, pending: report.pending()}, nil
}

// staying is a certificate that a report says stays.
type staying struct{ Fingerprint, Subject, Because string }

// edited is what a report says of a root.
type edited struct {
	Stores []struct {
		Name, Path                     string
		Total, Added, Present, Removed int
	}
	Stays    []staying
	Warnings []string
	Notes    []string
}

// reported is the report of an edit: of a root, or of the platforms of an image.
type reported struct {
	edited
	Platforms []edited
}

func parseReport(text string) (*reported, error) {
	var r reported
	return &r, json.Unmarshal([]byte(text), &r)
}

func (r *reported) stays() []staying {
	all := slices.Clone(r.Stays)
	for _, p := range r.Platforms {
		all = append(all, p.Stays...)
	}
	return all
}

func (r *reported) pending() bool {
	for _, e := range append([]edited{r.edited}, r.Platforms...) {
		if strings.Contains(strings.Join(e.Warnings, "\n"), "is not in the bundle yet") {
			return true
		}
	}
	return false
}

func (r *reported) String() string {
	var b strings.Builder
	for _, e := range append([]edited{r.edited}, r.Platforms...) {
		for _, s := range e.Stores {
			fmt.Fprintf(&b, "%s %s: %d added, %d present, %d removed, %d now; ", s.Name, s.Path, s.Added, s.Present, s.Removed, s.Total)
		}
	}
	for _, s := range r.stays() {
		fmt.Fprintf(&b, "%s stays: %s; ", s.Subject, s.Because)
	}
	return strings.TrimSuffix(b.String(), "; ")
}

// target is the root that certgraft edits.
type target interface {
	certgraft(args ...string) (stdout, stderr string, status int)
	edit(do func(root string) error) error // by others
	tree() string                          // the root as a directory, to be read
}

// directory is a root in a directory.
type directory string

func (d directory) tree() string                          { return string(d) }
func (d directory) edit(do func(root string) error) error { return do(string(d)) }

func (d directory) certgraft(args ...string) (stdout, stderr string, status int) {
	return execute(append(args, "--root", string(d))...)
}

// execute runs certgraft.
func execute(args ...string) (stdout, stderr string, status int) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, certgraft, args...)
	var out, diagnostics bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return out.String(), diagnostics.String(), exit.ExitCode()
	}
	must(err)
	return out.String(), diagnostics.String(), 0
}

func copyTree(from, to string) error {
	out, err := exec.Command("cp", "-a", "--reflink=auto", from, to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("copy %s: %w: %s", from, err, out)
	}
	return nil
}
