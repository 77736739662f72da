package main

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// rising is an arrow that runs up, with how often it is used.
type rising struct {
	From  string   `json:"from"`
	To    string   `json:"to"`
	Uses  int      `json:"uses"`
	Names []string `json:"names"`
}

// graph is which file leads to which, and what it costs if that arrow runs up.
type graph struct {
	files []string
	cost  [][]int // 0 where there is no arrow
}

// perArrow is more than the uses of all arrows: they only decide between orders
// with as many arrows that run up.
const perArrow = 1 << 20

func newGraph(arrows map[arrow]uses) graph {
	var g graph
	for a := range arrows {
		g.files = append(g.files, a.from, a.to)
	}
	slices.Sort(g.files)
	g.files = slices.Compact(g.files)
	g.cost = make([][]int, len(g.files))
	for i, from := range g.files {
		g.cost[i] = make([]int, len(g.files))
		for j, to := range g.files {
			if u, ok := arrows[arrow{from, to}]; ok {
				g.cost[i][j] = perArrow + u.total()
			}
		}
	}
	return g
}

// order sorts the files so that few arrows run up, to a file above: from each of
// many starts every file is moved to where it has fewest, until no move helps. To
// find the fewest of all for certain is a hard problem.
func (g graph) order() (best []int) {
	const starts = 300
	random := rand.New(rand.NewPCG(1, 1))
	for range starts {
		o := random.Perm(len(g.files))
		better := true
		for better {
			better = g.improve(o)
		}
		if best == nil || g.up(o) < g.up(best) {
			best = o
		}
	}
	return best
}

// improve moves each file to where it has fewest arrows up and reports whether
// there are fewer now.
func (g graph) improve(o []int) (better bool) {
	for i, f := range slices.Clone(o) {
		i = slices.Index(o, f)
		to, most := i, 0
		for _, step := range []int{-1, 1} {
			gain := 0
			for j := i + step; j >= 0 && j < len(o); j += step {
				gain += step * (g.cost[o[j]][f] - g.cost[f][o[j]])
				if gain > most {
					to, most = j, gain
				}
			}
		}
		if most > 0 {
			better = true
			o = slices.Insert(slices.Delete(o, i, i+1), to, f)
		}
	}
	return better
}

// up returns what the arrows cost that run up in an order.
func (g graph) up(o []int) (cost int) {
	for i := range o {
		for j := range i {
			cost += g.cost[o[i]][o[j]]
		}
	}
	return cost
}

// circle counts the arrows between files that lead to each other by any way.
func (g graph) circle() (n int) {
	reach := make([][]bool, len(g.files))
	for i := range reach {
		reach[i] = make([]bool, len(g.files))
		for j, cost := range g.cost[i] {
			reach[i][j] = cost > 0
		}
	}
	for k := range reach {
		for i := range reach {
			for j := range reach {
				reach[i][j] = reach[i][j] || reach[i][k] && reach[k][j]
			}
		}
	}
	for i := range g.cost {
		for j, cost := range g.cost[i] {
			if cost > 0 && reach[j][i] {
				n++
			}
		}
	}
	return n
}

// measure fills in what the arrows of a package are.
func (r *room) measure(arrows map[arrow]uses) {
	g := newGraph(arrows)
	o := g.order()
	r.Arrows, r.Up, r.Circle = len(arrows), g.up(o)/perArrow, g.circle()
	for i, f := range o {
		r.Order = append(r.Order, g.files[f])
		for j := range i {
			if g.cost[f][o[j]] == 0 {
				continue
			}
			a := arrow{g.files[f], g.files[o[j]]}
			r.Rising = append(r.Rising, rising{a.from, a.to, arrows[a].total(), arrows[a].names()})
		}
	}
	slices.SortStableFunc(r.Rising, func(a, b rising) int { return cmp.Compare(b.Uses, a.Uses) })
}
