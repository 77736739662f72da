package installer

import (
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/rootfs"
)

// Trusted yields the certificates in the bundles of a root, each once. A bundle
// that cannot be read is an error, and the sequence goes on.
func Trusted(root fs.ReadLinkFS) iter.Seq2[*certs.Certificate, error] {
	return (&edit{root: overlayOf(root), reader: pemfile.NewReader()}).trusted()
}

func overlayOf(root fs.ReadLinkFS) *rootfs.Overlay {
	if o, ok := root.(*rootfs.Overlay); ok {
		return o
	}
	return rootfs.NewOverlay(root)
}

func (e *edit) trusted() iter.Seq2[*certs.Certificate, error] {
	return func(yield func(*certs.Certificate, error) bool) {
		seen := map[certs.Fingerprint]bool{}
		for _, name := range bundlePaths {
			data, err := readIfThere(e.root, name)
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			file, _ := e.reader.Open(data) // what is damaged is trusted by nobody
			for c := range file.Held.All() {
				if !seen[c.Fingerprint()] && !yield(c, nil) {
					return
				}
				seen[c.Fingerprint()] = true
			}
		}
	}
}

// readDirs are the directories in which any file may be read.
var readDirs = []string{
	"etc/ssl/", "etc/pki/", "usr/share/pki/", "etc/ca-certificates/", "etc/ca-certs/", "var/cache/ca-certs/", "usr/share/ca-certificates/", "usr/local/share/ca-certificates/", "var/lib/ca-certificates/",
}

// readFiles are the other files that are read.
var readFiles = []string{
	RecordPath, caConf, updateTool, "etc/os-release", "usr/lib/os-release", "etc/alpine-release", "lib/apk/db/installed", "var/lib/dpkg/status",
}

// readNames are the names, wherever they are, of files that packages of a
// language keep CAs in, and of the configuration that names such files.
var readNames = []string{
	"cacert.pem", "cacerts.txt", "roots.pem", "ca-bundle.crt", "ca-certificates.crt", // Python, Ruby, Conda, Composer
	"cacerts", "jssecacerts", // Java
	"php.ini",
}

// Reads reports whether a store may read the file at name, or ask whether it is
// there, so that an image's other files need not be kept. Files that an
// environment names ([Options.Environ]) are read besides.
func Reads(name string) bool {
	return slices.Contains(readNames, path.Base(name)) || strings.Contains(name, "php") && path.Ext(name) == ".ini" ||
		slices.ContainsFunc(readDirs, func(dir string) bool { return strings.HasPrefix(name+"/", dir) }) ||
		slices.Contains(bundlePaths, name) || slices.Contains(readFiles, name)
}
