package bundles

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/input"
)

// maxSize bounds every input: the largest bundle in use is below 1 MiB.
const maxSize = 8 << 20

// loadStdin reads standard input.
func (l *loader) loadStdin(ctx context.Context, s *source) (*Bundle, error) {
	if l.opt.Stdin == nil {
		return nil, usagef("there is no standard input")
	}
	data, err := readBounded(input.Reader(ctx, l.opt.Stdin))
	if err != nil {
		return nil, err
	}
	return s.fromFile(Stdin, data)
}

func (s *source) fromFile(origin Origin, data []byte) (*Bundle, error) {
	b := s.newBundle(origin)
	b.Digest = digest(data)
	if s.pinBytes != "" && b.Digest != s.pinBytes {
		return nil, wrongBytes(b.Digest, s.pinBytes)
	}
	return b, b.add("", data)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func readBounded(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if len(data) > maxSize {
		return nil, tooLarge()
	}
	return data, nil
}

func tooLarge() error {
	return hint.Add(refusedf("it is larger than %d MiB: no bundle of certificates is", maxSize>>20), "check that it is the right file")
}

// loadPath reads a file, or the files of a directory.
func (l *loader) loadPath(ctx context.Context, s *source) (*Bundle, error) {
	info, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, noSuchFile()
	case err != nil:
		return nil, fmt.Errorf("look at it: %w", withoutPath(err))
	case info.IsDir():
		return l.loadDir(ctx, s)
	}
	data, err := readFile(ctx, s.path)
	if err != nil {
		return nil, err
	}
	return s.fromFile(File, data)
}

func noSuchFile() error {
	return hint.Add(classed{errors.New("no such file"), fs.ErrNotExist}, "check the path; in a Dockerfile RUN step a file must be copied or mounted first")
}

func readFile(ctx context.Context, path string) ([]byte, error) {
	f, err := input.Open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open: %w", withoutPath(err))
	}
	defer f.Close()
	return readBounded(input.Reader(ctx, f))
}

// withoutPath returns the cause of err: the path is in the message already. What
// may not be read has a hint.
func withoutPath(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	if errors.Is(err, fs.ErrPermission) {
		return hint.Add(err, "run it as root; the mount of a build secret takes uid=")
	}
	return err
}

// loadDir reads the files of a directory in order of their names, not those in
// directories below. Links are followed: Kubernetes mounts secrets as links. A
// file without a certificate, and a link that leads nowhere, is passed over and
// named; a private key in one refuses all. What is wrong with several is said of
// each: an odd file must not hide the key behind it.
func (l *loader) loadDir(ctx context.Context, s *source) (*Bundle, error) {
	if s.pinBytes != "" {
		return nil, hint.Add(usagef("@sha256 pins the bytes of one file, and this is a directory"), "use @set:HEX, which pins the set of certificates")
	}
	entries, err := os.ReadDir(s.path)
	if err != nil {
		return nil, fmt.Errorf("read the directory: %w", withoutPath(err))
	}
	b := s.newBundle(File)
	var failed together
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if err := b.addFile(ctx, filepath.Join(s.path, e.Name()), e.Name()); err != nil {
			failed = append(failed, err)
		}
	}
	switch {
	case len(failed) > 0:
		return nil, failed
	case b.Certs.Len() == 0:
		return nil, hint.Add(refusedf("no file in the directory holds a certificate"), "files in directories below it, and those whose names begin with a dot, are not read")
	}
	return b, nil
}

// addFile adds one file of a directory.
func (b *Bundle) addFile(ctx context.Context, path, name string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ELOOP):
		b.skip(name, "it is a link that leads nowhere")
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", name, withoutPath(err))
	case !info.Mode().IsRegular():
		return nil
	}
	data, err := readFile(ctx, path)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	err = b.parse(name, data)
	switch {
	case errors.Is(err, certs.ErrNoCertificate):
		b.skip(name, err.Error())
		return nil
	case err != nil:
		return refusal(name, err)
	}
	return nil
}

// skip notes a file that was passed over.
func (b *Bundle) skip(name, why string) {
	b.Findings = append(b.Findings, Finding{File: name, Finding: &certs.Finding{Verdict: certs.Skipped, Reason: why}})
}
