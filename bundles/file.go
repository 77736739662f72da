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

	"github.com/certgraft/certgraft/certs"
)

// maxSize bounds every input: the largest bundle in use is below 1 MiB.
const maxSize = 8 << 20

// loadStdin reads standard input. Nothing ends a read that waits for somebody to
// write, so whoever is interrupted leaves it behind.
func (l *loader) loadStdin(ctx context.Context, s *source) (*Bundle, error) {
	if l.opt.Stdin == nil {
		return nil, usagef("there is no standard input")
	}
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := readBounded(l.opt.Stdin)
		done <- result{data, err}
	}()
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("read: %w", context.Cause(ctx))
	case r := <-done:
		if r.err != nil {
			return nil, r.err
		}
		return s.fromFile(Stdin, r.data)
	}
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
	return hinted{refusedf("it is larger than %d MiB: no bundle of certificates is", maxSize>>20), "check that it is the right file"}
}

// loadPath reads a file, or the files of a directory.
func (l *loader) loadPath(s *source) (*Bundle, error) {
	info, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, hinted{fmt.Errorf("no such file: %w", fs.ErrNotExist), "check the path; in a Dockerfile RUN step a file must be copied or mounted first"}
	case err != nil:
		return nil, fmt.Errorf("look at it: %w", withoutPath(err))
	case info.IsDir():
		return l.loadDir(s)
	}
	data, err := readFile(s.path)
	if err != nil {
		return nil, err
	}
	return s.fromFile(File, data)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open: %w", withoutPath(err))
	}
	defer f.Close()
	return readBounded(f)
}

// withoutPath returns the cause of err: the path is in the message already.
func withoutPath(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// loadDir reads the files of a directory in order of their names, not those in
// directories below. Links are followed: Kubernetes mounts secrets as links. A
// file without a certificate is passed over and named; a private key in one
// refuses all.
func (l *loader) loadDir(s *source) (*Bundle, error) {
	if s.pinBytes != "" {
		return nil, hinted{usagef("@sha256 pins the bytes of one file, and this is a directory"), "use @set:HEX, which pins the set of certificates"}
	}
	entries, err := os.ReadDir(s.path)
	if err != nil {
		return nil, fmt.Errorf("read the directory: %w", withoutPath(err))
	}
	b := s.newBundle(File)
	for _, e := range entries {
		path := filepath.Join(s.path, e.Name())
		info, err := os.Stat(path)
		switch {
		case strings.HasPrefix(e.Name(), "."), err == nil && !info.Mode().IsRegular():
			continue
		case err == nil:
			err = b.addFile(path, e.Name())
		default:
			err = fmt.Errorf("%s: %w", e.Name(), withoutPath(err))
		}
		if err != nil {
			return nil, err
		}
	}
	if b.Certs.Len() == 0 {
		return nil, hinted{refusedf("no file in the directory holds a certificate"), "files in directories below it, and those whose names begin with a dot, are not read"}
	}
	return b, nil
}

func (b *Bundle) addFile(path, name string) error {
	data, err := readFile(path)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	err = b.add(name, data)
	if errors.Is(err, certs.ErrNoCertificate) {
		b.Findings = append(b.Findings, Finding{File: name, Finding: &certs.Finding{Verdict: certs.Skipped, Reason: err.Error()}})
		return nil
	}
	return err
}
