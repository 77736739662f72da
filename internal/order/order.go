// Package order sorts slices of structs with one piece of code for all types.
// Package slices adds about 10 KiB to the binary for each type that it sorts.
package order

import "sort"

// Sort sorts x by compare, like [slices.SortFunc].
func Sort[E any](x []E, compare func(a, b E) int) { sort.Sort(sorter[E]{x, compare}) }

// Stable is Sort, and keeps the order of equal elements.
func Stable[E any](x []E, compare func(a, b E) int) { sort.Stable(sorter[E]{x, compare}) }

type sorter[E any] struct {
	x       []E
	compare func(a, b E) int
}

func (s sorter[E]) Len() int           { return len(s.x) }
func (s sorter[E]) Less(i, j int) bool { return s.compare(s.x[i], s.x[j]) < 0 }
func (s sorter[E]) Swap(i, j int)      { s.x[i], s.x[j] = s.x[j], s.x[i] }
