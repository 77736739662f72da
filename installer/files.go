package installer

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"syscall"

	"github.com/certgraft/certgraft/rootfs"
)

// Paths that the tools called update-ca-certificates share.
const (
	updateTool  = "usr/sbin/update-ca-certificates"
	updateTool2 = "usr/bin/update-ca-certificates" // Wolfi, where sbin and bin are one
	caConf      = "etc/ca-certificates.conf"
	sharedDir   = "usr/share/ca-certificates"
	localDir    = "usr/local/share/ca-certificates"
	certDir     = "etc/ssl/certs"
	toolsBundle = "etc/ssl/certs/ca-certificates.crt"
)

// LocalAnchors is the directory that the package ca-certificates makes when it is
// installed, empty.
const LocalAnchors = localDir

// HasUpdateTool reports whether a root has a tool called update-ca-certificates.
func HasUpdateTool(root fs.FS) bool { return exists(root, updateTool) || exists(root, updateTool2) }

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

// isThere reports whether there is anything at name, a link that leads nowhere
// too.
func isThere(root *rootfs.Overlay, name string) bool {
	_, err := root.Lstat(name)
	return err == nil || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR)
}

func leadsToFile(root fs.FS, name string) bool {
	info, err := fs.Stat(root, name)
	return err == nil && info.Mode().IsRegular()
}

// leads reports whether name leads to the file real.
func leads(root *rootfs.Overlay, name, real string) bool {
	at, err := root.Resolve(name)
	return err == nil && at == real
}

// directory returns where a directory really is, if it is there.
func directory(root *rootfs.Overlay, name string) (real string, ok bool, err error) {
	info, err := root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("look at a directory of certificates: %w", err)
	case !info.IsDir():
		return "", false, nil
	}
	real, err = root.Resolve(name)
	return real, true, err
}

// A name on a disk is any bytes; io/fs has words for those in UTF-8 only. What
// has another name is neither read nor changed.

// leadsToNotUTF8 reports whether a link leads to what is passed over.
func leadsToNotUTF8(root *rootfs.Overlay, name string) bool {
	real, err := root.Resolve(name)
	if err != nil || fs.ValidPath(real) {
		return errors.Is(err, fs.ErrInvalid)
	}
	entries, _ := root.ReadDir(path.Dir(real)) // one that cannot be read has nothing
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == path.Base(real) })
}
