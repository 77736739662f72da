package main

import (
	"bytes"
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// house is what a checkout is made of.
type house struct {
	Product   int     `json:"product"`   // lines
	Tests     int     `json:"tests"`     // lines
	Counted   int     `json:"counted"`   // product lines but those of the packages apart
	Functions [3]int  `json:"functions"` // median, 90th percentile and longest, in lines
	Comments  int     `json:"comments"`  // per cent of the product lines
	Subject   int     `json:"subject"`   // median length over the last commits
	Bodies    int     `json:"bodies"`    // of the last commits
	Packages  []*room `json:"packages"`
}

// room is a package.
type room struct {
	Name   string   `json:"name"` // without the module's, "." for the topmost
	Files  int      `json:"files"`
	Lines  int      `json:"lines"`
	Arrows int      `json:"arrows"`
	Up     int      `json:"up"`
	Circle int      `json:"circle"`
	Order  []string `json:"order,omitempty"`
	Rising []rising `json:"rising,omitempty"`
}

// apart are packages that work for the others and are not in the binary.
var apart = []string{"internal/gen", "internal/ocilayout", "internal/release", "internal/roottest"}

func survey(dir string) (*house, error) {
	h := &house{}
	var lengths []int
	commented := 0
	rooms := map[string]*room{}
	err := eachFile(dir, func(name string, data []byte) error {
		lines := bytes.Count(data, []byte("\n"))
		if strings.HasSuffix(name, "_test.go") || within(name, "e2e") {
			h.Tests += lines
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, data, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil || ast.IsGenerated(f) {
			return err
		}
		h.Product += lines
		lengths = append(lengths, functions(fset, f)...)
		commented += comments(fset, f)
		at := filepath.ToSlash(filepath.Dir(name))
		if rooms[at] == nil {
			rooms[at] = &room{Name: at}
			h.Packages = append(h.Packages, rooms[at])
		}
		rooms[at].Files++
		rooms[at].Lines += lines
		if !slices.ContainsFunc(apart, func(p string) bool { return within(name, p) }) {
			h.Counted += lines
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(h.Packages, func(a, b *room) int { return cmp.Compare(a.Name, b.Name) })
	slices.Sort(lengths)
	if n := len(lengths); n > 0 {
		h.Functions = [3]int{lengths[n/2], lengths[n*9/10], lengths[n-1]}
		h.Comments = (100*commented + h.Product/2) / h.Product
	}
	h.log(dir)
	return h, h.follow(dir)
}

// eachFile calls do with each Go file of the checkout, but for tools, testdata and other modules.
func eachFile(dir string, do func(name string, data []byte) error) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if name != "." && (strings.HasPrefix(base, ".") || base == "testdata" || base == "vendor" || name == "tools" || name == "build" || name == "dist" || isModule(path)) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return do(filepath.ToSlash(name), data)
	})
}

// isModule reports whether a directory is a module of its own, as those of tools are.
func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func within(name, dir string) bool { return strings.HasPrefix(name, dir+"/") }

// functions returns the lengths of a file's functions, in lines.
func functions(fset *token.FileSet, f *ast.File) (lengths []int) {
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			lengths = append(lengths, fset.Position(fn.End()).Line-fset.Position(fn.Pos()).Line+1)
		}
	}
	return lengths
}

// comments counts the lines that have a comment, alone or behind code.
func comments(fset *token.FileSet, f *ast.File) (n int) {
	last := 0
	for _, group := range f.Comments {
		for _, c := range group.List {
			first := max(fset.Position(c.Pos()).Line, last+1)
			last = fset.Position(c.End()).Line
			n += last - first + 1
		}
	}
	return n
}

// log looks at the last commits, where there are any.
func (h *house) log(dir string) {
	cmd := exec.Command("git", "log", "-n", "100", "--no-merges", "--format=%s%x00%b%x00")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return
	}
	var lengths []int
	fields := strings.Split(string(out), "\x00")
	for i := 0; i+1 < len(fields); i += 2 {
		lengths = append(lengths, len(strings.TrimSpace(fields[i])))
		if strings.TrimSpace(fields[i+1]) != "" {
			h.Bodies++
		}
	}
	if slices.Sort(lengths); len(lengths) > 0 {
		h.Subject = lengths[(len(lengths)-1)/2]
	}
}
