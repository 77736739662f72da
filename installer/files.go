package installer

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/certgraft/certgraft/rootfs"
)

// Paths that the tools called update-ca-certificates share.
const (
	updateTool  = "usr/sbin/update-ca-certificates"
	caConf      = "etc/ca-certificates.conf"
	sharedDir   = "usr/share/ca-certificates"
	localDir    = "usr/local/share/ca-certificates"
	certDir     = "etc/ssl/certs"
	toolsBundle = "etc/ssl/certs/ca-certificates.crt"
)

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
