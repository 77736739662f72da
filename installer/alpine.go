package installer

import (
	"path"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/rootfs"
)

// alpineStore is the layout of Alpine, Wolfi and Chainguard: anchors in
// /usr/local/share/ca-certificates and one bundle that others link to. Where
// the package with the tool is installed there are also links to the anchors
// and hash links. The tool writes a line feed behind each certificate.
type alpineStore struct{}

func (alpineStore) name() string { return "alpine" }

func (s alpineStore) install(e *edit, want []wanted) (StoreReport, error) {
	d, err := readDebian(e.root) // the same configuration, the same directories
	if err != nil {
		return StoreReport{}, err
	}
	if want, err = d.selectable(e, want); err != nil {
		return StoreReport{}, err
	}
	added, err := e.addAnchors(s.name(), debianLocal, want, d.anchored())
	if err != nil {
		return StoreReport{}, err
	}
	if hasAlpineTool(e.root) {
		for _, w := range added {
			if err := e.linkAlpine(w); err != nil {
				return StoreReport{}, err
			}
		}
		if err := e.rehash(); err != nil {
			return StoreReport{}, err
		}
	}
	files, err := e.bundleFiles()
	if err != nil {
		return StoreReport{}, err
	}
	if len(files) == 0 {
		return e.createBundle(s.name(), want, "\n")
	}
	return e.extendAll(s.name(), files, want, "\n")
}

// hasAlpineTool reports whether the package ca-certificates is installed, not
// only ca-certificates-bundle.
func hasAlpineTool(root *rootfs.Overlay) bool {
	return exists(root, debianTool) || exists(root, debianConf)
}

// linkAlpine links the anchor of w as update-ca-certificates (update-ca.c)
// does.
func (e *edit) linkAlpine(w wanted) error {
	name, err := e.anchorName(debianLocal, w)
	if err != nil {
		return err
	}
	return e.root.Symlink("/"+name, path.Join(debianCerts, "ca-cert-"+linkName(name)))
}

func (s alpineStore) remove(e *edit, gone *certs.Set) (StoreReport, error) {
	d, err := readDebian(e.root)
	if err != nil {
		return StoreReport{}, err
	}
	ours := e.record.in(s.name())
	for name, data := range d.content {
		in := readPEM(data).certificates()
		for c := range in.All() {
			if in.Len() != 1 || !gone.Has(c.Fingerprint()) || !ours[c.Fingerprint()] || !strings.HasPrefix(path.Base(name), "certgraft-") {
				continue
			}
			if err := e.root.Remove(path.Join(debianCerts, "ca-cert-"+linkName(name))); err != nil {
				return StoreReport{}, err
			}
			if err := e.root.Remove(name); err != nil {
				return StoreReport{}, err
			}
		}
	}
	if hasAlpineTool(e.root) {
		if err := e.rehash(); err != nil {
			return StoreReport{}, err
		}
	}
	files, err := e.bundleFiles()
	if err != nil {
		return StoreReport{}, err
	}
	return e.shrinkAll(s.name(), files, gone, "\n")
}
