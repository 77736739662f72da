package command

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/certgraft/certgraft/internal/atomicfile"
	"github.com/certgraft/certgraft/internal/hint"
)

// replaceFile writes a file that the user named.
func replaceFile(name string, data []byte) error {
	if name == "" {
		return hint.Add(errors.New("write: the name of the file is empty"), "name the file to write")
	}
	if err := atomicfile.Replace(name, data); err != nil {
		return unwritten(name, err)
	}
	return nil
}

// mayReplace refuses a file for a report that is something else: who forgets the
// name of the report would lose the file that was to be looked at. An earlier
// report begins with start; usage is how to name another file for it.
func mayReplace(name, start, what, usage string) error {
	if name == "" {
		return nil
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("write the %s: %w", what, err)
	case info.IsDir():
		return hint.Add(fmt.Errorf("write the %s: %s is a directory", what, name), "name the "+what+" first: "+usage+" "+name)
	case !info.Mode().IsRegular():
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("write the %s: %w", what, err)
	}
	defer f.Close()
	there, err := io.ReadAll(io.LimitReader(f, int64(len(start))))
	switch {
	case err != nil:
		return fmt.Errorf("write the %s: %w", what, err)
	case string(there) != start[:len(there)]:
		return hint.Add(fmt.Errorf("write the %s: %s exists and is not a %s", what, name, what), "name another file: "+usage+" "+name)
	}
	return nil
}

// unwritten says what hinders, without the name of a temporary file.
func unwritten(name string, err error) error {
	dir := filepath.Dir(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return hint.Add(fmt.Errorf("write %s: there is no directory %s", name, dir), "make it first: mkdir -p "+dir)
	case errors.Is(err, syscall.EISDIR):
		return hint.Add(fmt.Errorf("write %s: it is a directory", name), "name a file; bundle writes one for each certificate with --format split")
	}
	return hint.Add(fmt.Errorf("write %s: %w", name, bare(err)), "check who may write "+dir+", and how much room it has")
}

// bare returns the cause of err: the path is in the message already.
func bare(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	if l, ok := errors.AsType[*os.LinkError](err); ok {
		return l.Err
	}
	return err
}
