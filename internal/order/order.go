// Package order sorts slices of structs by one piece of code for all of them: each
// type that package slices sorts costs the binary some 10 KiB.
package order

import "sort"

// Sort sorts x by compare, as [slices.SortFunc] does.
func Sort[E any](x []E, compare func(a, b E) int) { sort.Sort(sorter[E]{x, compare}) }

// Stable is Sort that keeps the order of equal elements.
func Stable[E any](x []E, compare func(a, b E) int) { sort.Stable(sorter[E]{x, compare}) }

type sorter[E any] struct {
	x       []E
	compare func(a, b E) int
}

func (s sorter[E]) Len() int           { return len(s.x) }
func (s sorter[E]) Less(i, j int) bool { return s.compare(s.x[i], s.x[j]) < 0 }
func (s sorter[E]) Swap(i, j int)      { s.x[i], s.x[j] = s.x[j], s.x[i] }
