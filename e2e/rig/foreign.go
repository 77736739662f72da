//go:build e2e

package rig

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const binfmt = "/proc/sys/fs/binfmt_misc"

// Foreign makes the kernel run the programs of another architecture under
// qemu-user, if it does not yet, for as long as the test runs.
func Foreign(t *testing.T, arch string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(binfmt, "register")); errors.Is(err, fs.ErrNotExist) {
		Run(t, "mount", "-t", "binfmt_misc", "binfmt_misc", binfmt)
		t.Cleanup(func() { Run(t, "umount", binfmt) })
	}
	entry := filepath.Join(binfmt, "qemu-"+arch)
	if _, err := os.Stat(entry); err == nil {
		return
	}
	line := strings.TrimSpace(Read(t, "/usr/lib/binfmt.d/qemu-"+arch+".conf"))
	if err := os.WriteFile(filepath.Join(binfmt, "register"), []byte(line), 0o200); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.WriteFile(entry, []byte("-1"), 0o644) })
}
