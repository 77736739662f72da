// House counts what a checkout of certgraft is made of: lines, packages, lengths
// of functions, comments, commits, and the arrows between the files of each
// package. Run it by make house.
//
//	house [-json] [-package NAME] [DIR]
//
// With -package it prints the files of that package in their best order, and each
// arrow that runs up in it.
//
// # What is counted
//
// Product is every Go file that is no test, in no testdata directory, not
// generated, and neither in tools nor in e2e. Tests are the files named _test.go
// and all of e2e. The last line of the table of packages leaves out internal/gen,
// internal/release and internal/roottest, which are not in the binary.
// A function is as long as from its func to its last brace. A line of comment is one
// with a comment in it.
//
// An arrow leads from one file of a package to another one that declares something
// that it names; uses of several things, or several times, are one arrow. Files
// have no order of their own, so two measures stand for it:
//
//   - up: the arrows that run up if the files are in the order that has fewest of
//     them, and of such orders one with few uses. It is found by local search from
//     300 starts, which are the same each time.
//   - circle: the arrows between files that lead to each other, directly or by way
//     of others. Without a circle no arrow runs up in the best order, and the
//     package can be read from top to bottom. This measure depends on no search.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "house:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("house", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print JSON")
	one := flags.String("package", "", "print the order of the files of this package, such as installer")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir := "."
	if flags.NArg() > 0 {
		dir = flags.Arg(0)
	}
	h, err := survey(dir)
	if err != nil {
		return err
	}
	switch {
	case *asJSON:
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(h)
	case *one != "":
		return h.writePackage(out, *one)
	}
	return h.write(out)
}
