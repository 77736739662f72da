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

// LocalAnchors is the directory that the package ca-certificates makes, empty, during
// its installation.
const LocalAnchors = localDir

// HasUpdateTool reports whether a root has a tool called update-ca-certificates.
func HasUpdateTool(root fs.FS) bool { return exists(root, updateTool) || exists(root, updateTool2) }

// readIfThere returns the content of a file, or nil if it does not exist. The caller
// must not change it.
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

// contentOf returns the content of a file, and whether name leads to a file. The caller
// must not change the content.
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

// isThere reports whether name exists. A link that leads nowhere exists too.
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

// directory returns the real path of a directory, if it exists.
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

// A name on a disk is any bytes, but io/fs only accepts UTF-8. This package neither
// reads nor changes a file with another name.

// leadsToNotUTF8 reports whether a link leads to a file whose name is not UTF-8.
func leadsToNotUTF8(root *rootfs.Overlay, name string) bool {
	real, err := root.Resolve(name)
	if err != nil || fs.ValidPath(real) {
		return errors.Is(err, fs.ErrInvalid)
	}
	entries, _ := root.ReadDir(path.Dir(real)) // an unreadable directory has no entries
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == path.Base(real) })
}
