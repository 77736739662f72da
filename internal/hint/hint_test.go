package hint_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"github.com/certgraft/certgraft/internal/hint"
)

// The advice of all errors in a tree is found, each once, the outermost first.
// Advice does not change the text or the identity of an error.
func TestOf(t *testing.T) {
	missing := hint.Add(fmt.Errorf("open x: %w", fs.ErrNotExist), "look for x")
	for _, test := range []struct {
		err  error
		text string
		want []string
	}{
		{nil, "", nil},
		{fs.ErrNotExist, "file does not exist", nil},
		{missing, "open x: file does not exist", []string{"look for x"}},
		{hint.Add(fmt.Errorf("read: %w", missing), "name another file"), "read: open x: file does not exist", []string{"name another file", "look for x"}},
		{errors.Join(missing, hint.Add(missing, "look for x"), hint.Add(fs.ErrExist, "move it")), "open x: file does not exist\nopen x: file does not exist\nfile already exists", []string{"look for x", "move it"}},
		{hint.Add(fs.ErrExist, ""), "file already exists", nil},
	} {
		if got := hint.Of(test.err); !slices.Equal(got, test.want) {
			t.Errorf("%v: hints are %q, want %q", test.err, got, test.want)
		}
		if test.err != nil && test.err.Error() != test.text {
			t.Errorf("the text is %q, want %q", test.err.Error(), test.text)
		}
	}
	if !errors.Is(missing, fs.ErrNotExist) {
		t.Error("the error is not what it was")
	}
	if e, ok := errors.AsType[hint.Error](fmt.Errorf("list: %w", missing)); !ok || e.Hint() != "look for x" {
		t.Error("the error with advice is not found")
	}
}
