//go:build e2e

package walk

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// distrust takes a CA out of the root, or gives it back. The shadow knows nothing of it.
func (w *world) distrust(s step) *failure {
	c := w.pool[s[1]]
	file := filepath.Join(w.dir, "out-"+s[1]+".pem")
	must(os.WriteFile(file, []byte(c.pem), 0o644))
	if s[0] == "undo" {
		if !w.out[c.print] {
			return nil
		}
		out, f := w.certgraft("distrust", "--undo", file)
		if f != nil {
			return f
		}
		delete(w.out, c.print)
		if out.pending { // the walk does as it is told
			return w.take(step{"tool"})
		}
		return w.check()
	}
	if _, f := w.certgraft("distrust", file); f != nil {
		return f
	}
	if w.out == nil {
		w.out = map[string]bool{}
	}
	w.out[c.print] = true
	stores, err := w.kind.view(w.real.tree())
	if err != nil {
		return w.fail("view", "%v", err)
	}
	for store, have := range stores {
		if have.holds(c.print) && !strings.HasSuffix(store, ".trust.crt") { // which says of it that it is not
			return w.fail("trusted "+store, "%s is distrusted and in %s", s[1], store)
		}
	}
	return w.check()
}

// The walks of before, with a CA that is distrusted for a while, in which nobody names
// it: then the shadow is what the root is to be again.
func TestWalkDistrust(t *testing.T) {
	seed, count := uint64(50_000), 20
	if os.Getenv("CERTGRAFT_SLOW") != "" {
		count = 200
	}
	if text := os.Getenv("CERTGRAFT_WALKS"); text != "" {
		count = number(t, text)
	}
	if text := os.Getenv("CERTGRAFT_WALK_SEED"); text != "" {
		seed = uint64(number(t, text))
	}
	all := selected(t)
	for i := range uint64(count) {
		k := all[(seed+i)%uint64(len(all))]
		t.Run(fmt.Sprintf("%s/%d", k.name, seed+i), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed+i, 16))
			steps := withDistrust(r, k, draw(k, r))
			if f := walk(t, k, steps); f != nil {
				report(t, k, seed+i, f, steps)
			}
		})
	}
}

// withDistrust puts a CA out somewhere in a walk, and back before anybody names it.
func withDistrust(r *rand.Rand, k *kind, steps []step) []step {
	name := pick(r, allOf(k))
	at := r.IntN(len(steps) + 1)
	until := at
	for until < len(steps) && !slices.Contains(steps[until][1:], name) && r.IntN(4) > 0 {
		until++
	}
	steps = slices.Insert(slices.Clone(steps), until, step{"undo", name})
	return slices.Insert(steps, at, step{"distrust", name})
}
