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

	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/input"
)

// maxSize bounds every input, in bytes. The largest bundle in use is below 1
// MiB.
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

// withoutPath returns the cause of err, since the message already has the path.
// It adds a hint if permission is denied.
func withoutPath(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	if errors.Is(err, fs.ErrPermission) {
		return hint.Add(err, "run it as root; the mount of a build secret takes uid=")
	}
	return err
}
