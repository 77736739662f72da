package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// askers are the packages that open files which a user names. They must use
// internal/input, so that a signal ends each wait.
var askers = []string{"internal/command", "bundles", "image"}

// ownOpens are the files of askers that open something else, with the reason.
var ownOpens = map[string]string{
	"internal/command/writefile.go":      "the beginning of a regular file that is to be replaced",
	"internal/command/launch/dir.go":     "the directories of runs and their locks",
	"internal/command/launch/signals.go": "the terminal",
}

// No file in the packages of askers opens a user's file in another way.
func TestInputObeysItsContext(t *testing.T) {
	seen := map[string]bool{}
	for _, dir := range askers {
		err := filepath.WalkDir(filepath.Join("../..", dir), func(name string, entry fs.DirEntry, err error) error {
			file := strings.TrimPrefix(filepath.ToSlash(name), "../../")
			if err != nil || entry.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "bundles/internal/") {
				return err
			}
			for _, call := range opens(t, name) {
				seen[file] = true
				if ownOpens[file] == "" {
					t.Errorf("%s uses os.%s, which waits for a FIFO for ever: take internal/input", file, call)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for file := range ownOpens {
		if !seen[file] {
			t.Errorf("%s opens nothing any more: it needs no exception", file)
		}
	}
}

// opens returns the functions of package os by which a file opens names.
func opens(t *testing.T, name string) (calls []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if of, ok := s.X.(*ast.Ident); ok && of.Name == "os" && (s.Sel.Name == "ReadFile" || s.Sel.Name == "Open" || s.Sel.Name == "Stdin") {
			calls = append(calls, s.Sel.Name)
		}
		return true
	})
	return calls
}
