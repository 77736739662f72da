package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// write prints the table of facts and the table of packages.
func (h *house) write(out io.Writer) error {
	largest := slices.MaxFunc(h.Packages, func(a, b *room) int { return cmp.Compare(a.Lines, b.Lines) })
	full := slices.MaxFunc(h.Packages, func(a, b *room) int { return cmp.Compare(a.Files, b.Files) })
	var b strings.Builder
	fmt.Fprintln(&b, "| | |\n| --- | --- |")
	fmt.Fprintf(&b, "| product / test lines | %s / %s |\n", thousands(h.Product), thousands(h.Tests))
	fmt.Fprintf(&b, "| packages | %d |\n", len(h.Packages))
	fmt.Fprintf(&b, "| largest package: files, lines | %s %d, %s %s |\n", full.Name, full.Files, largest.Name, thousands(largest.Lines))
	fmt.Fprintf(&b, "| function median / p90 / max | %d / %d / %d |\n", h.Functions[0], h.Functions[1], h.Functions[2])
	fmt.Fprintf(&b, "| comment lines | %d %% |\n", h.Comments)
	fmt.Fprintf(&b, "| commit subject median; with a body, of the last 100 | %d; %d |\n\n", h.Subject, h.Bodies)
	fmt.Fprintln(&b, "| package | files | lines | arrows | up | on a circle |\n| --- | --- | --- | --- | --- | --- |")
	for _, p := range h.Packages {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d |\n", p.Name, p.Files, p.Lines, p.Arrows, p.Up, p.Circle)
	}
	fmt.Fprintf(&b, "| all but %s | | %d | | | |\n", strings.Join(apart, ", "), h.Counted)
	_, err := io.WriteString(out, b.String())
	return err
}

// writePackage prints the order of a package's files, and the arrows that run up
// in it, those that are used most first.
func (h *house) writePackage(out io.Writer, name string) error {
	i := slices.IndexFunc(h.Packages, func(p *room) bool { return p.Name == name })
	if i < 0 {
		return fmt.Errorf("there is no package %q", name)
	}
	p := h.Packages[i]
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d arrows between files, %d run up in this order, %d are on a circle\n\n", p.Name, p.Arrows, p.Up, p.Circle)
	for _, file := range p.Order {
		fmt.Fprintf(&b, "  %s\n", file)
	}
	fmt.Fprintln(&b)
	for _, r := range p.Rising {
		fmt.Fprintf(&b, "  %s → %s, %d uses: %s\n", r.From, r.To, r.Uses, strings.Join(r.Names, " "))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func thousands(n int) string { return fmt.Sprintf("%.1fk", float64(n)/1000) }
