package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// An arrow leads from a file to another one of its package that declares
// something that the first one names: a function, a type, a variable, a constant,
// a field or a method.
type arrow struct{ from, to string }

// uses is what an arrow stands for: names, and how often each is used.
type uses map[string]int

func (u uses) names() []string { return slices.Sorted(maps.Keys(u)) }

func (u uses) total() (n int) {
	for _, k := range u {
		n += k
	}
	return n
}

// follow measures the arrows of every package.
func (h *house) follow(dir string) error {
	var patterns []string
	for _, p := range h.Packages {
		patterns = append(patterns, "./"+p.Name)
	}
	pkgs, err := list(dir, patterns...)
	if err != nil {
		return err
	}
	exports, dirs := map[string]string{}, map[string]listed{}
	for _, p := range pkgs {
		exports[p.ImportPath], dirs[p.Dir] = p.Export, p
	}
	for _, r := range h.Packages {
		at, err := filepath.Abs(filepath.Join(dir, r.Name))
		if err != nil {
			return err
		}
		arrows, err := dirs[at].arrows(exports)
		if err != nil {
			return err
		}
		r.measure(arrows)
	}
	return nil
}

// listed is what go list says of a package.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
}

func list(dir string, patterns ...string) ([]listed, error) {
	cmd := exec.Command("go", slices.Concat([]string{"list", "-deps", "-export", "-json=ImportPath,Dir,Export,GoFiles"}, patterns)...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var pkgs []listed
	for dec := json.NewDecoder(out); ; {
		var p listed
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		pkgs = append(pkgs, p)
	}
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("go list in %s: %w", dir, err)
	}
	return pkgs, nil
}

// arrows returns the arrows between a package's files. Tests are left aside, and so
// are files that are not built for this system.
func (p listed) arrows(exports map[string]string) (map[arrow]uses, error) {
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	info := types.Info{Uses: map[*ast.Ident]types.Object{}}
	from := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	pkg, err := (&types.Config{Importer: from}).Check(p.ImportPath, fset, files, &info)
	if err != nil {
		return nil, err
	}
	found := map[arrow]uses{}
	for id, object := range info.Uses {
		if object.Pkg() != pkg || !object.Pos().IsValid() {
			continue
		}
		a := arrow{filepath.Base(fset.Position(id.Pos()).Filename), filepath.Base(fset.Position(object.Pos()).Filename)}
		if a.from == a.to {
			continue
		}
		if found[a] == nil {
			found[a] = uses{}
		}
		found[a][object.Name()]++
	}
	return found, nil
}
