package bundles

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/hint"
)

// Bounds of a directory: a wrong path, for example /, must fail early.
const (
	maxEntries   = 10_000
	maxNesting   = 32
	maxTotalSize = 64 << 20
	mostSkipped  = 20 // named in findings
)

// walk reads the directories of a source.
type walk struct {
	b       *Bundle
	root    string
	files   []string // paths below root
	above   []fs.FileInfo
	entries int
	size    int
	passed  int // files without a certificate
}

// loadDir reads the files of a directory and its subdirectories, in the order
// of their names. Names that begin with a dot are left out. Links are followed,
// since Kubernetes mounts secrets as links. A file without a certificate or a
// broken link is skipped and named. A private key in any file refuses the whole
// directory. Errors of all files are reported: an odd file must not hide the
// key behind it.
func (l *loader) loadDir(ctx context.Context, s *source) (*Bundle, error) {
	if s.pinBytes != "" {
		return nil, hint.Add(usagef("@sha256 pins the bytes of one file, and this is a directory"), "use @set:HEX, which pins the set of certificates")
	}
	w := &walk{b: s.newBundle(File), root: s.path}
	if err := w.list(ctx, ""); err != nil {
		return nil, err
	}
	var failed together
	for _, name := range w.files {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("read: %w", context.Cause(ctx))
		}
		if err := w.add(ctx, name); err != nil {
			failed = append(failed, err)
		}
		if w.size > maxTotalSize {
			failed = append(failed, w.tooMuch(fmt.Sprintf("its files have more than %d MiB together", maxTotalSize>>20)))
			break
		}
	}
	switch {
	case len(failed) > 0:
		return nil, failed
	case w.b.Certs.Len() == 0:
		return nil, hint.Add(refusedf("no file in the directory holds a certificate"), "files and directories whose names begin with a dot are not read")
	}
	if more := w.passed - mostSkipped; more > 0 {
		w.b.skip("", fmt.Sprintf("%d more files without a certificate", more))
	}
	return w.b, nil
}

// list finds the files below a directory; "" is the root of the walk.
func (w *walk) list(ctx context.Context, dir string) error {
	path := filepath.Join(w.root, dir)
	info, err := os.Stat(path)
	if err != nil {
		return w.failed(dir, err)
	}
	for _, above := range w.above {
		if os.SameFile(info, above) {
			w.skip(dir, "it is a link to a directory above it")
			return nil
		}
	}
	if len(w.above) == maxNesting {
		return w.tooMuch(fmt.Sprintf("directories are nested more than %d deep", maxNesting))
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return w.failed(dir, err)
	}
	w.above = append(w.above, info)
	defer func() { w.above = w.above[:len(w.above)-1] }()
	if w.entries += len(entries); w.entries > maxEntries {
		return w.tooMuch(fmt.Sprintf("it has more than %d files", maxEntries))
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if err := w.entry(ctx, filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// entry notes a file, or descends into a directory. It leaves out devices and
// other special files.
func (w *walk) entry(ctx context.Context, name string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("read: %w", context.Cause(ctx))
	}
	info, err := os.Stat(filepath.Join(w.root, name))
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ELOOP):
		w.skip(name, "it is a link that leads nowhere")
	case err != nil:
		return w.failed(name, err)
	case info.IsDir():
		return w.list(ctx, name)
	case info.Mode().IsRegular():
		w.files = append(w.files, name)
	}
	return nil
}

func (w *walk) failed(name string, err error) error {
	if name == "" {
		return fmt.Errorf("read the directory: %w", withoutPath(err))
	}
	return fmt.Errorf("%s: %w", name, withoutPath(err))
}

func (w *walk) tooMuch(why string) error {
	return hint.Add(refusedf("%s: no directory of certificates is so large", why), "name the directory in which the certificates are")
}

// add adds one file of the directory.
func (w *walk) add(ctx context.Context, name string) error {
	path := filepath.Join(w.root, name)
	data, err := readFile(ctx, path)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	w.size += len(data)
	err = w.b.parse(name, data)
	if errors.Is(err, certs.ErrNoCertificate) {
		w.skip(name, err.Error())
		return nil
	}
	return wrongPassword(refusal(name, path, err))
}

// skip notes a skipped file. It names the first mostSkipped files.
func (w *walk) skip(name, why string) {
	if w.passed++; w.passed <= mostSkipped {
		w.b.skip(name, why)
	}
}

// skip adds a finding about a skipped file.
func (b *Bundle) skip(name, why string) {
	b.Findings = append(b.Findings, Finding{File: name, Finding: &certs.Finding{Verdict: certs.Skipped, Reason: why}})
}
