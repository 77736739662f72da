package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/certgraft/certgraft/internal/hint"
)

// export writes only the changes into a directory, so that copying it over the root
// makes them (COPY --from=stage /out/ /). Parent directories have the attributes of
// those in the root, because the copy would change these too.
func (opt Options) export(root disk, changes []Change) error {
	for _, ch := range changes {
		if ch.Removed || ch.Prior != nil && ch.Prior.Mode().Type() != ch.Mode.Type() {
			err := fmt.Errorf("/%s must be removed or change its type, which copying %s over the root cannot do", ch.Name, opt.Output)
			return hint.Add(err, "run the command in the root itself, or as certgraft patch on the image")
		}
	}
	out, err := os.OpenRoot(opt.Output)
	if err != nil {
		return explain(opt.Output, err)
	}
	to := newTree(out)
	defer to.Close()
	if err := opt.clear(root.root, to); err != nil {
		return err
	}
	x := exporter{disk: disk{tree: to, before: root.before, sync: root.sync}, from: root, done: map[string]bool{".": true}}
	if err = x.writeAll(changes, opt.ModTime); err != nil {
		_ = opt.clear(root.root, to)
	}
	return explainNil(opt.Output, err)
}

// makeOutput makes the directory of Output, and returns the new directories, the
// deepest first.
func (opt Options) makeOutput() (made []string, err error) {
	if opt.Output == "" || opt.DryRun {
		return nil, nil
	}
	for dir := filepath.Clean(opt.Output); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		made = append(made, dir)
	}
	if err := os.MkdirAll(opt.Output, 0o755); err != nil {
		removeEmpty(made)
		return nil, explain(opt.Output, err)
	}
	if err := opt.syncAbove(made); err != nil {
		removeEmpty(made)
		return nil, explain(opt.Output, err)
	}
	return made, nil
}

// syncAbove waits until the names of new directories are on the disk.
func (opt Options) syncAbove(made []string) error {
	if !opt.Sync {
		return nil
	}
	for _, dir := range made {
		f, err := os.Open(filepath.Dir(dir))
		if err != nil {
			return err
		}
		if err := errors.Join(opt.syncer().pass(f.Sync()), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// removeEmpty removes the directories that are still empty.
func removeEmpty(dirs []string) {
	for _, dir := range dirs {
		_ = os.Remove(dir) //nolint:forbidigo // it is in no root; a directory in use stays
	}
}

// outputMark is the name of an empty file that marks an unfinished output.
const outputMark = ".certgraft-output"

// writeAll keeps a mark in the directory until all is written. By the mark the next run
// recognises the output of a killed process.
func (x *exporter) writeAll(changes []Change, at time.Time) error {
	if len(changes) == 0 {
		return x.setTimes(at)
	}
	if err := x.create(outputMark, nil, attrs{mode: 0o600}); err != nil {
		return err
	}
	for _, ch := range changes {
		if err := x.write(ch); err != nil {
			return err
		}
	}
	if err := x.setTimes(at); err != nil {
		return err
	}
	if err := x.flush(changes); err != nil {
		return err
	}
	if err := x.closeDirs(); err != nil {
		return err
	}
	if err := x.remove(outputMark); err != nil {
		return err
	}
	return errors.Join(x.setTime(".", at), x.syncDirs([]string{"."}))
}

// flush waits for the disk before writeAll removes the mark.
func (x *exporter) flush(changes []Change) error {
	var files []string
	for _, ch := range changes {
		if ch.Mode.IsRegular() {
			files = append(files, ch.Name)
		}
	}
	return errors.Join(x.syncFiles(files), x.syncDirs(slices.Sorted(maps.Keys(x.done))))
}

func explainNil(dir string, err error) error {
	if err == nil {
		return nil
	}
	return explain(dir, err)
}

// clear empties a directory that an earlier run wrote, and refuses others.
func (opt Options) clear(root *os.Root, to *tree) error {
	out := to.root
	entries, err := fs.ReadDir(out.FS(), ".")
	if err != nil || len(entries) == 0 {
		return explainNil(opt.Output, err)
	}
	if sameDir(root, out) || !unfinished(to) && !opt.written(out) {
		return hint.Add(fmt.Errorf("%s is not empty and was not written by certgraft, or was changed since", opt.Output), "name a new directory with --output")
	}
	for _, e := range entries {
		if e.Name() == outputMark {
			continue // removed last, because it marks the rest as ours
		}
		if err := errors.Join(reopenDirs(to, e.Name()), out.RemoveAll(e.Name())); err != nil {
			return explain(opt.Output, err)
		}
	}
	return explainNil(opt.Output, gone(out.Remove(outputMark)))
}

// reopenDirs makes directories writable for their owner. A user who is not root could
// not empty them otherwise.
func reopenDirs(to *tree, name string) error {
	if givesAway() {
		return nil
	}
	return fs.WalkDir(to.root.FS(), name, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Mode()&0o700 == 0o700 {
			return err
		}
		return disk{tree: to}.chmodDir(name, 0o700)
	})
}

func sameDir(a, b *os.Root) bool {
	x, errX := a.Stat(".")
	y, errY := b.Stat(".")
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// unfinished reports whether a process was killed while it wrote the directory.
func unfinished(out *tree) bool {
	info, err := out.Lstat(outputMark)
	return err == nil && trusted(info) && info.Size() == 0
}

// written reports whether an earlier run wrote everything in a directory: the marker
// exists, and every file has its time, as after an export.
func (opt Options) written(out *os.Root) bool {
	marker, err := out.Lstat(opt.Marker)
	if opt.Marker == "" || err != nil {
		return false
	}
	err = fs.WalkDir(out.FS(), ".", func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := d.Info(); err != nil || !info.ModTime().Equal(marker.ModTime()) {
			return fs.ErrExist
		}
		return nil
	})
	return err == nil
}

// exporter writes changes into an empty directory.
type exporter struct {
	disk
	from   disk            // the root of the changes
	done   map[string]bool // existing directories
	names  []string        // all written names
	closed []string        // directories that their owner cannot write to, deepest last
}

func (x *exporter) write(ch Change) error {
	if err := x.parents(path.Dir(ch.Name)); err != nil {
		return err
	}
	x.names = append(x.names, ch.Name)
	a := x.from.attrsOf(ch)
	a.owned = a.owned && givesAway()
	switch {
	case ch.Mode.IsDir():
		x.done[ch.Name] = true
		return errors.Join(x.mkdir(ch.Name, ch.Mode), x.labelDir(ch.Name, a.label))
	case ch.Mode&fs.ModeSymlink != 0:
		return x.symlink(ch.Target, ch.Name, a)
	}
	return x.create(ch.Name, ch.Data, a)
}

// parents makes the directories above a name, as in the root.
func (x *exporter) parents(dir string) error {
	if x.done[dir] {
		return nil
	}
	if err := x.parents(path.Dir(dir)); err != nil {
		return err
	}
	info, err := x.from.Lstat(dir)
	if err != nil {
		return err
	}
	x.done[dir] = true
	x.names = append(x.names, dir)
	if err := x.mkdir(dir, info.Mode()|0o700); err != nil {
		return err
	}
	if info.Mode()&0o700 != 0o700 {
		x.closed = append(x.closed, dir)
	}
	if st, ok := info.Sys().(*unix.Stat_t); ok && givesAway() && (int(st.Uid) != os.Geteuid() || int(st.Gid) != os.Getegid()) {
		if err := x.root.Lchown(dir, int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
	}
	if info.Mode()&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky) == 0 {
		return nil
	}
	return x.chmodDir(dir, info.Mode()|0o700) // last, because a new owner clears these bits
}

// givesAway reports whether an export keeps the owners of the root's files. Only root
// can change the owner of a file: other users own everything that they write.
func givesAway() bool { return os.Geteuid() == 0 }

// closeDirs sets the modes of directories that their owner cannot write to, the deepest
// first, after everything is written.
func (x *exporter) closeDirs() error {
	for _, dir := range slices.Backward(x.closed) {
		info, err := x.from.Lstat(dir)
		if err != nil {
			return err
		}
		if err := x.chmodDir(dir, info.Mode()); err != nil {
			return err
		}
	}
	return nil
}

// setTimes gives everything the same time, the deepest first, because writing into a
// directory changes its time.
func (x *exporter) setTimes(at time.Time) error {
	slices.Reverse(x.names)
	for _, name := range append(x.names, ".") {
		if err := x.setTime(name, at); err != nil {
			return err
		}
	}
	return nil
}

// setTime sets the time of a name. It also works on links, for which os.Root has no
// function.
func (x *exporter) setTime(name string, at time.Time) error {
	dir, err := x.root.Open(path.Dir(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	ts := unix.NsecToTimespec(at.UnixNano())
	err = unix.UtimesNanoAt(int(dir.Fd()), path.Base(name), []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return &fs.PathError{Op: "set the time of", Path: name, Err: err}
	}
	return nil
}
