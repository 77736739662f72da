package command

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/hint"
)

// Errors say in plain words what hinders, and what to do.
func TestReplaceFileMessages(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := errors.Join(os.Mkdir("dir", 0o755), os.WriteFile("file", nil, 0o644), os.Symlink("loop", "loop")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"":         "write: the name of the file is empty",
		"nodir/x":  "write nodir/x: there is no directory nodir",
		"dir":      "write dir: it is a directory",
		"file/x":   "write file/x: not a directory",
		"loop":     "write loop: too many levels of symbolic links",
		"dir/no/x": "write dir/no/x: there is no directory dir/no",
	} {
		err := replaceFile(name, []byte("x"))
		if err == nil || err.Error() != want || len(hint.Of(err)) != 1 {
			t.Errorf("%s: %v, hints %q", name, err, hint.Of(err))
		}
		if err != nil && strings.Contains(err.Error(), ".tmp") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
