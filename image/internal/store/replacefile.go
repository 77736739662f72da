package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// ReplaceFile writes name by way of a new file, so that a reader never sees
// half of it. Who may read what was there may read the new one, and nobody else.
func ReplaceFile(root *os.Root, name string, write func(io.Writer) error) error {
	tmp := fmt.Sprintf("%s.%d-%d.tmp", name, os.Getpid(), time.Now().UnixNano())
	mode := fs.FileMode(0o644)
	if info, err := root.Stat(name); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := root.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Close())
	if err == nil {
		err = root.Rename(tmp, name)
	}
	if err != nil {
		return errors.Join(err, root.Remove(tmp))
	}
	return nil
}
