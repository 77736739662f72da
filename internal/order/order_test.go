package order

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

type pair struct{ key, at int }

func TestSorts(t *testing.T) {
	byKey := func(a, b pair) int { return cmp.Compare(a.key, b.key) }
	for n := range 200 {
		var x []pair
		for i := range n {
			x = append(x, pair{rand.IntN(10), i})
		}
		stable, sorted := slices.Clone(x), slices.Clone(x)
		Stable(stable, byKey)
		Sort(sorted, byKey)
		slices.SortStableFunc(x, byKey)
		if !slices.Equal(stable, x) {
			t.Fatalf("%v is not stable: %v", x, stable)
		}
		if !slices.IsSortedFunc(sorted, byKey) {
			t.Fatalf("not sorted: %v", sorted)
		}
	}
}
