package layer

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// A directory behaves as a map, for any order of additions and removals.
func TestDir(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		d, want := &dir{}, map[string]*Node{}
		for range 400 {
			name := strconv.Itoa(random.IntN(100))
			if seed%3 == 0 {
				name = strconv.Itoa(1000 + len(want)) // in order, as in archives
			}
			switch n := (&Node{}); random.IntN(5) {
			case 0:
				d.remove(name)
				delete(want, name)
			case 1:
				d.trim()
			case 2:
				for range d.All() {
					break
				}
			default:
				d.set(name, n)
				want[name] = n
			}
			if d.Get(name) != want[name] {
				t.Fatalf("seed %d: %s is not what was put there", seed, name)
			}
		}
		var names []string
		for name, n := range d.All() {
			if want[name] != n || n == nil {
				t.Fatalf("seed %d: %s is not what was put there", seed, name)
			}
			names = append(names, name)
		}
		if len(names) != len(want) || !slices.IsSorted(names) {
			t.Errorf("seed %d: %d names, want %d", seed, len(names), len(want))
		}
	}
}
