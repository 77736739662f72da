//go:build e2e

package walk

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// step is a verb and its arguments, as a repro has them.
type step []string

func (s step) String() string { return strings.Join(s, " ") }

// length is the number of steps of a walk.
const length = 8

// For any sequence of installs, removals, the distribution's tool and hand edits,
// a root trusts what its shadow does, in which only the others edit, and what is
// installed; after remove --all it trusts what the shadow does, and what the
// report names.
//
// Each walk comes of its seed alone. A walk that fails is shortened as long as it
// fails in the same way, and printed as a command that repeats it.
//
//	CERTGRAFT_WALKS=300             number of walks, 30 by default
//	CERTGRAFT_WALK_SEED=4711        seed of the first, 30000 by default
//	CERTGRAFT_WALK_KINDS=alpine     only these kinds, separated by commas
//	CERTGRAFT_WALK_IGNORE=unnamed   kinds of failure that are passed over
func TestWalk(t *testing.T) {
	seed := uint64(30_000) // a run of the same code takes the same walks; look for others by hand
	if text := os.Getenv("CERTGRAFT_WALK_SEED"); text != "" {
		seed = uint64(number(t, text))
	}
	count := 30
	if os.Getenv("CERTGRAFT_SLOW") != "" {
		count = 300
	}
	if text := os.Getenv("CERTGRAFT_WALKS"); text != "" {
		count = number(t, text)
	}
	all := selected(t)
	t.Logf("CERTGRAFT_WALK_SEED=%d CERTGRAFT_WALKS=%d", seed, count)
	for i := range uint64(count) {
		k := all[(seed+i)%uint64(len(all))]
		t.Run(fmt.Sprintf("%s/%d", k.name, seed+i), func(t *testing.T) {
			t.Parallel()
			steps := draw(k, rand.New(rand.NewPCG(seed+i, 12)))
			if f := walk(t, k, steps); f != nil {
				report(t, k, seed+i, f, steps)
			}
		})
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func selected(t *testing.T) []*kind {
	t.Helper()
	names := os.Getenv("CERTGRAFT_WALK_KINDS")
	if names == "" {
		return kinds
	}
	var some []*kind
	for name := range strings.SplitSeq(names, ",") {
		some = append(some, kindOf(t, name))
	}
	return some
}

func kindOf(t *testing.T, name string) *kind {
	t.Helper()
	i := slices.IndexFunc(kinds, func(k *kind) bool { return k.name == name })
	if i < 0 {
		t.Fatalf("no kind %q", name)
	}
	return kinds[i]
}

// CERTGRAFT_WALK_STEPS is a walk to repeat, as KIND: STEP | STEP …
func TestWalkAgain(t *testing.T) {
	text := os.Getenv("CERTGRAFT_WALK_STEPS")
	if text == "" {
		t.Skip("CERTGRAFT_WALK_STEPS is not set: there is no walk to repeat")
	}
	again(t, text)
}

// again takes a walk that is written down.
func again(t *testing.T, text string) {
	t.Helper()
	name, list, _ := strings.Cut(text, ":")
	var steps []step
	for text := range strings.SplitSeq(list, "|") {
		if fields := strings.Fields(text); len(fields) > 0 {
			steps = append(steps, fields)
		}
	}
	if f := walk(t, kindOf(t, name), steps); f != nil {
		t.Errorf("%s: %v\n%s", text, f, strings.Join(f.log, "\n"))
	}
}

// walks takes each of some walks.
func walks(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			again(t, text)
		})
	}
}

// drawn is a walk while it is drawn: what it is about, and what was done, so that
// few steps come to nothing.
type drawn struct {
	kind  *kind
	r     *rand.Rand
	about []string                   // few CAs, so that steps meet
	done  map[string]map[string]bool // CAs, or sources, by verb
}

// draw returns random steps, about half of them certgraft's.
func draw(k *kind, r *rand.Rand) []step {
	d := &drawn{kind: k, r: r, about: allOf(k), done: map[string]map[string]bool{}}
	r.Shuffle(len(d.about), func(i, j int) { d.about[i], d.about[j] = d.about[j], d.about[i] })
	d.about = d.about[:3]
	var steps []step
	for len(steps) < length {
		s := d.other()
		if len(steps) == 0 && r.IntN(3) > 0 || r.IntN(5) < 2 {
			s = d.own()
		}
		if s != nil {
			steps = append(steps, s)
		}
	}
	return steps
}

// own returns a step of certgraft. The first word after the verb is the source.
func (d *drawn) own() step {
	source := pick(d.r, []string{"s1", "s2", "s3"})
	n := d.r.IntN(100)
	if n >= 70 {
		if d.undo("install", source) {
			return step{"remove", source}
		}
		return nil
	}
	d.does("install", source)
	held := slices.Clone(d.about)
	d.r.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
	held = held[:1+d.r.IntN(2)]
	slices.Sort(held)
	for _, name := range held {
		d.does("lose", name)
	}
	switch {
	case n >= 62 && d.kind.appends:
		return append(step{"append-only", source}, held...)
	case n >= 48:
		return append(step{"sync", source}, held...)
	}
	return append(step{"install", source}, held...)
}

// opposites are verbs that undo others, which have to be done before.
var opposites = map[string]string{"unanchor": "anchor", "unstraight": "straight", "select": "deselect", "delete": "import", "unpackage": "package", "unblock": "block", "lose": "lose"}

// other returns a step of someone else, with a CA if it takes one; nil if it would
// come to nothing.
func (d *drawn) other() step {
	verb := pick(d.r, slices.Sorted(maps.Keys(d.kind.verbs)))
	of := slices.DeleteFunc(d.kind.verbs[verb].of(d.kind), func(name string) bool { return !slices.Contains(d.about, name) })
	if d.kind.verbs[verb].takes() && len(of) == 0 {
		return nil
	}
	if !d.kind.verbs[verb].takes() {
		return step{verb}
	}
	name := pick(d.r, of)
	if done, ok := opposites[verb]; ok && !d.undo(done, name) {
		return nil
	}
	if verb != "lose" {
		d.does(verb, name)
	}
	return step{verb, name}
}

func (d *drawn) does(verb, name string) {
	if d.done[verb] == nil {
		d.done[verb] = map[string]bool{}
	}
	d.done[verb][name] = true
}

// undo reports whether something was done that can be undone now.
func (d *drawn) undo(verb, name string) bool {
	was := d.done[verb][name]
	delete(d.done[verb], name)
	return was
}

func pick(r *rand.Rand, of []string) string { return of[r.IntN(len(of))] }

// report shrinks a walk that failed and says how to repeat it.
func report(t *testing.T, k *kind, seed uint64, f *failure, steps []step) {
	t.Helper()
	short, least := shrink(t, k, f, steps)
	t.Errorf("%s: %s\nshortest, of %d steps:\n  CERTGRAFT_WALK_STEPS='%s: %s' go test -tags e2e -count=1 -run TestWalkAgain ./e2e/walk\nwhole:\n  CERTGRAFT_WALK_KINDS=%s CERTGRAFT_WALK_SEED=%d CERTGRAFT_WALKS=1 go test -tags e2e -count=1 -run 'TestWalk$' ./e2e/walk\n%s",
		k.name, least.what, len(short), k.name, join(short), k.name, seed, strings.Join(least.log, "\n"))
}

func join(steps []step) string {
	var texts []string
	for _, s := range steps {
		texts = append(texts, s.String())
	}
	return strings.Join(texts, " | ")
}

// shrink leaves out steps, and CAs of steps, as long as the walk fails in the same
// way.
func shrink(t *testing.T, k *kind, f *failure, steps []step) ([]step, *failure) {
	t.Helper()
	still := func(shorter []step) bool {
		again := walk(t, k, shorter)
		if again == nil || again.class != f.class {
			return false
		}
		steps, f = shorter, again
		return true
	}
	if f.at+1 < len(steps) {
		still(slices.Clone(steps[:f.at+1]))
	}
	for i := 0; i < len(steps); {
		if !still(slices.Delete(slices.Clone(steps), i, i+1)) {
			i++
		}
	}
	for i := range steps {
		for j := 2; j < len(steps[i]) && len(steps[i]) > 3; {
			shorter := slices.Clone(steps)
			shorter[i] = slices.Delete(slices.Clone(steps[i]), j, j+1)
			if !still(shorter) {
				j++
			}
		}
	}
	return steps, f
}

// walk takes the steps on a root and its shadow, removes everything and compares
// the two. It returns nil if all is as it should be.
func walk(t *testing.T, k *kind, steps []step) (f *failure) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			f = &failure{"rig", fmt.Sprintf("rig: %v\n%s", p, debug.Stack()), len(steps), nil}
		}
	}()
	dir, err := os.MkdirTemp(scratch, "walk-") //nolint:usetesting // in memory, where the tools are fast
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	base := k.template(t)
	w := &world{
		kind: k, base: base, dir: dir, shadow: filepath.Join(dir, "shadow"), pool: pool(t, k.suite),
		installed: map[string]map[string]bool{}, ever: map[string]bool{}, named: map[string]bool{}, touched: map[string]bool{},
	}
	must(copyTree(base, w.shadow))
	w.real = k.start(t, w)
	for i, s := range steps {
		w.at = i
		if f := w.take(s); f != nil {
			return f
		}
	}
	w.at = len(steps)
	return w.end()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
