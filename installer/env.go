package installer

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/rootfs"
)

// envStore is the files that variables in the environment have programs read
// instead of the system's bundle.
type envStore struct{}

func (envStore) name() string { return "env" }

func (envStore) used(e *edit) bool { return len(e.opt.Environ) > 0 }

func (s envStore) install(e *edit, want []wanted) error {
	files, err := e.envFiles()
	if err != nil {
		return err
	}
	return e.extendAll(s.name(), files, want)
}

func (s envStore) remove(e *edit, gone map[certs.Fingerprint]bool) error {
	return e.shrinkAll(s.name(), e.bundle, gone)
}

// envFiles returns the files that variables name and that are no system bundle,
// each once. A variable that leads nowhere is warned of: programs that obey it
// trust nobody. So is one that names what cannot be extended.
func (e *edit) envFiles() ([]string, error) {
	system, err := e.bundleFiles()
	if err != nil {
		return nil, err
	}
	var files []string
	for _, v := range variables {
		value := e.opt.Environ[v.name]
		if !v.extended || !strings.HasPrefix(value, "/") {
			continue // not set, or relative to who knows what
		}
		real, err := e.root.Resolve(value)
		switch {
		case err != nil || !exists(e.root, real):
			e.warn("%s names %s, which is not there: programs that obey it trust nobody", v.name, value)
		case slices.Contains(system, real) || slices.Contains(files, real) || e.isCertDir(real):
		case e.isInput(real):
			e.nameBundle(v, value)
		case !e.isPEM(real):
			e.warn("%s names %s, which is no file of PEM certificates and was left as it is: programs that obey it do not see what is installed; name a bundle instead", v.name, value)
		default:
			files = append(files, real)
		}
	}
	slices.Sort(files)
	return files, nil
}

// isInput reports whether another store reads a file as one of its own: an anchor,
// or what has a hash link of its own. With a second certificate in it, it would no
// longer be what it is.
func (e *edit) isInput(real string) bool {
	dir := path.Dir(real)
	if slices.ContainsFunc([]string{localDir, sharedDir}, func(d string) bool { return isBelow(e.root, real, d) }) || TakesEveryFile(dir) {
		return true
	}
	for _, s := range []dirStore{photon, flatcar, clearLinux, openwrt} {
		if s.used(e) && leads(e.root, s.anchors, dir) && path.Ext(real) == s.ext {
			return true
		}
	}
	if !leads(e.root, certDir, dir) || !slices.Contains([]string{".pem", ".crt", ".cer"}, strings.ToLower(path.Ext(real))) {
		return false
	}
	data, err := e.root.Content(real)
	return err == nil && e.reader.Single(data) != nil
}

// isBelow reports whether a file is in a directory or below it.
func isBelow(root *rootfs.Overlay, real, dir string) bool {
	at, err := root.Resolve(dir)
	return err == nil && strings.HasPrefix(real, at+"/")
}

// nameBundle says that a variable should name the bundle in place of a file that is
// not to be edited. Where the bundle holds what the file does, it can be set so.
func (e *edit) nameBundle(v variable, value string) {
	bundle := e.bundleName()
	if bundle == "" {
		e.warn("%s names %s, which another store reads as an anchor and which was left as it is: programs that obey it do not see what is installed; name a bundle instead", v.name, value)
		return
	}
	text := fmt.Sprintf("%s names %s, which another store reads as an anchor and which was left as it is: programs that obey it do not see what is installed; have it name %s instead", v.name, value, bundle)
	e.warn("%s", text)
	data, _ := e.root.Content(strings.TrimPrefix(value, "/"))
	in, _ := e.reader.Open(data)
	held := e.bundleHolds(bundle)
	for c := range in.Held.All() {
		if !held.Has(c.Fingerprint()) {
			return
		}
	}
	e.report.Instead = append(e.report.Instead, Instead{v.name, bundle, text})
}

// isCertDir reports whether name is the directory of hash links, which others
// look after.
func (e *edit) isCertDir(name string) bool {
	dir, err := e.root.Resolve(certDir)
	return err == nil && name == dir
}

// isPEM reports whether PEM can be appended to what is at name. Behind DER or in a
// keystore nobody would find it.
func (e *edit) isPEM(name string) bool {
	if !leadsToFile(e.root, name) {
		return false
	}
	data, err := e.root.Content(name)
	isDER := len(data) > 1 && data[0] == 0x30 && data[1] >= 0x80 // PKCS#12 too
	return err != nil || !isDER && !bytes.HasPrefix(data, []byte{0xfe, 0xed, 0xfe, 0xed}) && !bytes.HasPrefix(data, []byte{0xce, 0xce, 0xce, 0xce})
}
