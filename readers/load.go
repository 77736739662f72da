package readers

import (
	"io/fs"
	"path"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/rootfs"
)

// place is a file or directory of certificates that a reader reads.
type place struct {
	variables []string // the first that is set names it, or them where it is a list
	adds      bool     // to what the other places have, and only where a variable names it
	own       bool     // it is the Mozilla roots that are built in, and no file
	must      bool     // a reader that cannot read it trusts nobody
	paths     []string // else the first of these that exists
	read      format
}

// format is how a place is read.
type format func(l *loading, name string)

// Damage is what keeps a reader from loading certificates.
type Damage struct {
	Path string // in the root
	Line int    // from 1; 0 where the file has no lines
	Why  string
	All  bool // nothing of the file is loaded
}

// loading is the reading of the places of an instance.
type loading struct {
	root   *rootfs.Overlay
	pem    *pemfile.Reader
	held   *certs.Set
	damage []Damage
}

func unrooted(paths []string) (names []string) {
	for _, p := range paths {
		if name := strings.TrimPrefix(path.Clean("/"+p), "/"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// file returns what is in a file; ok is false if it cannot be read.
func (l *loading) file(name string) (data []byte, ok bool) {
	data, err := l.root.Content(name)
	if err != nil {
		l.harm(Damage{Path: "/" + name, Why: "it cannot be read: " + reason(err), All: true})
	}
	return data, err == nil
}

// reason is what is wrong, without the path, which is named beside it.
func reason(err error) string {
	for {
		inner, ok := err.(interface{ Unwrap() error })
		if !ok || inner.Unwrap() == nil {
			return err.Error()
		}
		err = inner.Unwrap()
	}
}

func (l *loading) harm(d Damage) { l.damage = append(l.damage, d) }

func (l *loading) add(c *certs.Certificate, name string) { l.held.Add(c, "/"+name) }

// every reads each file of a directory.
func every(read format) format {
	return func(l *loading, name string) {
		entries, err := l.root.ReadDir(name)
		if err != nil {
			return
		}
		for _, entry := range entries {
			at := path.Join(name, entry.Name())
			if info, err := fs.Stat(l.root, at); err == nil && info.Mode().IsRegular() {
				read(l, at)
			}
		}
	}
}
