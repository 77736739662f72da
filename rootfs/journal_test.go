package rootfs_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

const journalFile = ".certgraft-journal"

// interrupted returns a root on which an edit was killed half-way, with some names
// replaced, made and removed.
func interrupted(t *testing.T) (dir string, was map[string]string) {
	t.Helper()
	c := crash{
		tree: fstest.MapFS{
			"etc/a": {Data: []byte("old a"), Mode: 0o640}, "etc/b": {Data: []byte("old b"), Mode: 0o644},
			"etc/going": {Data: []byte("going"), Mode: 0o600},
		},
		edit: func(o *rootfs.Overlay) error {
			return errors.Join(o.WriteFile("etc/a", []byte("new a"), 0), o.WriteFile("etc/b", []byte("new b"), 0),
				o.WriteFile("new/file", []byte("new"), 0o644), o.Symlink("a", "etc/link"), o.Remove("etc/going"))
		},
	}
	dir = c.fresh(t)
	was = dump(t, dir)
	for n := 0; ; n++ {
		_, _ = c.killedAt(t, dir, n, rootfs.Options{})
		now := dump(t, dir)
		if _, there := now["etc/going"]; !there {
			return dir, was
		}
		must(t, rootfs.Update(dir, func(*rootfs.Overlay) error { return nil }))
	}
}

// The next run, of any kind, restores the root before it reads it. A dry run only
// warns.
func TestInterruptedRunIsUndone(t *testing.T) {
	dir, was := interrupted(t)
	half := dump(t, dir)
	result, err := rootfs.Options{DryRun: true}.Update(t.Context(), dir, func(*rootfs.Overlay) error { return nil })
	if err != nil || len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0], "interrupted") {
		t.Errorf("%v %v", result, err)
	}
	roottest.Same(t, "dry run", half, dump(t, dir))
	result, err = rootfs.Options{}.Update(t.Context(), dir, func(o *rootfs.Overlay) error {
		data, err := o.ReadFile("etc/a")
		if string(data) != "old a" {
			t.Errorf("the edit sees %q, %v", data, err)
		}
		return nil
	})
	if err != nil || len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0], "its changes were undone first") {
		t.Errorf("%v %v", result, err)
	}
	roottest.Same(t, "put back", was, dump(t, dir))
}

// Other people's changes since then stay.
func TestInterruptedRunLeavesOthersAlone(t *testing.T) {
	dir, was := interrupted(t)
	must(t, os.WriteFile(filepath.Join(dir, "etc/b"), []byte("theirs"), 0o644))
	must(t, os.Remove(filepath.Join(dir, "etc/link")))
	must(t, os.Symlink("theirs", filepath.Join(dir, "etc/link")))
	must(t, os.WriteFile(filepath.Join(dir, "etc/going"), []byte("theirs"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "new/theirs"), []byte("theirs"), 0o644))
	must(t, rootfs.Update(dir, func(*rootfs.Overlay) error { return nil }))
	want := maps.Clone(was)
	maps.Copy(want, map[string]string{
		"etc/b": "-rw-r--r-- theirs", "etc/link": "-> theirs", "etc/going": "-rw-r--r-- theirs", "new": "drwxr-xr-x", "new/theirs": "-rw-r--r-- theirs",
	})
	roottest.Same(t, "put back", want, dump(t, dir))
}

// A journal that this program did not write, or not completely, is ignored, and so are
// the names in it.
func TestHostileJournal(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	must(t, os.WriteFile(outside, []byte("outside"), 0o644))
	type entry = map[string]any
	encode := func(version int, entries ...entry) string {
		data, err := json.Marshal(map[string]any{"version": version, "made": []string{"etc"}, "names": entries})
		must(t, err)
		return string(data)
	}
	staged := ".certgraft-x.tmp"
	for what, c := range map[string]struct {
		text string
		mode os.FileMode
		want string // in the error; "" if the journal is accepted
	}{
		"good":                       {encode(1, entry{"name": "etc/x", "staged": staged}), 0o600, ""},
		"empty":                      {"", 0o600, ""},
		"text":                       {"{", 0o600, "damaged"},
		"another version":            {encode(2), 0o600, "another version"},
		"writable for all":           {encode(1), 0o666, "not a journal"},
		"a name outside":             {encode(1, entry{"name": "../outside", "link": "x"}), 0o600, "damaged"},
		"an absolute name":           {encode(1, entry{"name": outside, "link": "x"}), 0o600, "damaged"},
		"a file that was not staged": {encode(1, entry{"name": "etc/x", "staged": "etc/passwd"}), 0o600, "damaged"},
		"a backup that is none":      {encode(1, entry{"name": "etc/x", "backup": "etc/passwd", "sum": "00"}), 0o600, "damaged"},
		"the root":                   {encode(1, entry{"name": "."}), 0o600, "damaged"},
		"through a link":             {encode(1, entry{"name": "out/outside", "staged": "out/" + staged}), 0o600, "not a directory"},
	} {
		t.Run(what, func(t *testing.T) {
			dir := newRoot(t)
			must(t, os.MkdirAll(filepath.Join(dir, "etc"), 0o755))
			must(t, os.WriteFile(filepath.Join(dir, "etc/passwd"), []byte("root"), 0o644))
			must(t, os.Symlink(filepath.Dir(outside), filepath.Join(dir, "out")))
			must(t, os.WriteFile(filepath.Join(dir, journalFile), []byte(c.text), 0o600))
			must(t, os.Chmod(filepath.Join(dir, journalFile), c.mode))
			was := dump(t, dir)
			err := rootfs.Update(dir, func(*rootfs.Overlay) error { return nil })
			if c.want == "" {
				must(t, err)
				delete(was, journalFile)
			} else if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) || !strings.Contains(hint(err), "delete "+dir) {
				t.Errorf("%v, hint %q", err, hint(err))
			}
			roottest.Same(t, "after", was, dump(t, dir))
		})
	}
	if data, err := os.ReadFile(outside); err != nil || string(data) != "outside" {
		t.Errorf("outside: %q %v", data, err)
	}
}

// A journal that is no regular file does not block the run.
func TestJournalThatIsAFIFO(t *testing.T) {
	dir := newRoot(t)
	must(t, syscall.Mkfifo(filepath.Join(dir, journalFile), 0o600))
	if err := rootfs.Update(dir, func(*rootfs.Overlay) error { return nil }); err == nil || !strings.Contains(err.Error(), journalFile) {
		t.Error(err)
	}
}
