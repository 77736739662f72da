// Gen writes the generated files: the catalogue as Go data and as a page; the
// pages, the man page and the completions from the command tree. It also folds the
// lines of the written pages.
//
//	go run ./internal/gen [catalogue] [commands] [demo] [pages] [readers]    in the directory of the module
//
// The program carries the catalogue, so the pages of a catalogue that has
// changed are made by a second run: go generate does one after the other.
package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	if err := run(".", os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// part makes some of the files of the module in dir, by their names.
type part func(dir string) (map[string][]byte, error)

var parts = map[string]part{"catalogue": folded(catalogueFiles), "commands": folded(commandFiles), "demo": demoFiles, "pages": pageFiles, "readers": folded(readerFiles)}

// run writes the files of the parts that args name, of all without one.
func run(dir string, args []string, log io.Writer) error {
	if len(args) == 0 {
		args = slices.Sorted(maps.Keys(parts))
	}
	for _, name := range args {
		make := parts[name]
		if make == nil {
			return fmt.Errorf("there is no part %q", name)
		}
		files, err := make(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for name, data := range files {
			if stale(dir, name, data) {
				fmt.Fprintln(log, "gen: write", name)
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// stale reports whether a file is not what it would be made.
func stale(dir, name string, data []byte) bool {
	there, err := os.ReadFile(filepath.Join(dir, name))
	return err != nil || string(there) != string(data)
}
