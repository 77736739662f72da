package installer

import (
	"io/fs"
	"iter"

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
