package installer

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/rootfs"
)

// edit is one run on one root.
type edit struct {
	root   *rootfs.Overlay
	opt    Options
	reader *pemfile.Reader
	record *record
	report *Report

	covered []string // bundles that a store of this run has seen to
}

func newEdit(root *rootfs.Overlay, opt Options) (*edit, error) {
	detection, err := Detect(root)
	if err != nil {
		return nil, err
	}
	return openEdit(root, opt, detection)
}

func openEdit(root *rootfs.Overlay, opt Options, detection *Detection) (*edit, error) {
	recorded, err := readRecord(root)
	if err != nil {
		return nil, err
	}
	return &edit{root: root, opt: opt, reader: pemfile.NewReader(), record: recorded, report: &Report{Detection: detection}}, nil
}

func (e *edit) warn(format string, args ...any) {
	e.report.Warnings = append(e.report.Warnings, fmt.Sprintf(format, args...))
}

func (e *edit) tell(format string, args ...any) {
	e.report.Notes = append(e.report.Notes, fmt.Sprintf(format, args...))
}

// hinted is an error that knows what to do next.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// Hint returns the advice to print below the error.
func (h hinted) Hint() string { return h.hint }

// readIfThere returns the content of a file, nil where there is none. It is not
// to be changed.
func readIfThere(root *rootfs.Overlay, name string) ([]byte, error) {
	data, err := root.Content(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if data == nil && err == nil {
		data = []byte{}
	}
	return data, err
}

// contentOf returns the content of a file, which is not to be changed, and
// whether name leads to one.
func contentOf(root *rootfs.Overlay, name string) (data []byte, there bool, err error) {
	data, err = root.Content(name)
	if err != nil && !leadsToFile(root, name) {
		return nil, false, nil
	}
	return data, err == nil, err
}

func exists(root fs.FS, name string) bool {
	_, err := fs.Stat(root, name)
	return err == nil
}

func leadsToFile(root fs.FS, name string) bool {
	info, err := fs.Stat(root, name)
	return err == nil && info.Mode().IsRegular()
}
