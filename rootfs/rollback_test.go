package rootfs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/roottest"
)

// If the rollback fails, the error does not say that nothing was changed.
func TestPuttingBackFails(t *testing.T) {
	dir, root := makeRoot(t)
	was := dump(t, root)
	link := filepath.Join(dir, "new/link")
	err := commitWith(root, dir, func(op, _ string) error {
		if info, err := os.Lstat(link); op != "fsync" || err != nil || info.IsDir() {
			return nil
		}
		if err := errors.Join(os.Remove(link), os.MkdirAll(link+"/x", 0o755)); err != nil { // so that the rollback cannot remove the new name
			t.Error(err)
		}
		return syscall.ENOSPC
	})
	told, ok := errors.AsType[hint.Error](err)
	if !ok || !errors.Is(err, syscall.ENOSPC) || !errors.Is(err, syscall.ENOTEMPTY) {
		t.Fatal(err)
	}
	if _, more := errors.AsType[hint.Error](told.Unwrap()); more || strings.Contains(told.Hint(), "nothing was changed") || !strings.Contains(told.Hint(), "run it again") {
		t.Errorf("%v: %s", err, told.Hint())
	}
	// The next run restores the rest, as the hint says.
	if err := errors.Join(os.RemoveAll(link), Update(dir, func(*Overlay) error { return nil })); err != nil {
		t.Fatal(err)
	}
	roottest.Same(t, "put back", was, dump(t, root))
}
