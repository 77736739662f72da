package installer

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/settings"
	"github.com/certgraft/certgraft/readers"
	"github.com/certgraft/certgraft/rootfs"
)

// envStore is the files that programs read instead of the system's bundle because an
// environment variable names them.
type envStore struct{}

func (envStore) name() string { return "env" }

func (envStore) used(e *edit) bool { return len(e.opt.Environ) > 0 }

func (s envStore) install(e *edit, want []wanted) error {
	return e.extendNamed(s.name(), e.namers(), want)
}

func (s envStore) remove(e *edit, gone map[certs.Fingerprint]bool) error {
	return e.shrinkAll(s.name(), e.bundle, gone)
}

// configStore is the files that the configuration of programs names.
type configStore struct{}

func (configStore) name() string { return "config" }

func (configStore) used(e *edit) bool { return len(e.settings()) > 0 }

func (s configStore) install(e *edit, want []wanted) error {
	return e.extendNamed(s.name(), e.configNamers(), want)
}

func (s configStore) remove(e *edit, gone map[certs.Fingerprint]bool) error {
	return e.shrinkAll(s.name(), e.bundle, gone)
}

// settings returns the settings of programs in the root that concern CAs.
func (e *edit) settings() []settings.Setting {
	if !e.configured {
		e.configured, e.config = true, settings.Find(e.root, e.opt.Environ)
	}
	return e.config
}

// namer is a variable or setting that makes programs read their CAs from a file, in
// place of the system's bundle or beside it.
type namer struct {
	by       string // a variable, or a place in a file
	path     string
	dir      bool // path is a directory of hash links
	adds     bool
	variable string // a variable that can name a bundle instead
	password string // of a trust store
}

// namers returns the variables in the environment that name files.
func (e *edit) namers() []namer {
	var all []namer
	for _, v := range readers.Variables() {
		if v.Kept {
			continue
		}
		for _, name := range v.Files(e.opt.Environ[v.Name]) {
			n := namer{by: v.Name, path: name, dir: v.NamesDirectory(), adds: v.Adds}
			if v.Joined == "" {
				n.variable = v.Name
			}
			all = append(all, n)
		}
	}
	return all
}

// configNamers returns the settings of programs that name files. It warns of settings
// that hold a certificate themselves.
func (e *edit) configNamers() []namer {
	var all []namer
	for _, set := range e.settings() {
		switch set.Kind {
		case settings.File, settings.Directory:
			all = append(all, namer{by: set.String(), path: set.Value, dir: set.Kind == settings.Directory})
		case settings.Inline:
			e.warn("%s holds certificates: the program that obeys it trusts only these; have cafile name %s instead", set, cmp.Or(e.bundleName(), "a bundle"))
		}
	}
	return all
}

// extendNamed adds wanted certificates to the files that variables or settings name.
func (e *edit) extendNamed(store string, all []namer, want []wanted) error {
	files, err := e.extendable(all, want)
	if err != nil {
		return err
	}
	return e.extendAll(store, files, want)
}

// extendable returns the named files that no other store edits, each once. It warns of
// files that must not be extended, unless they have all wanted certificates.
func (e *edit) extendable(all []namer, want []wanted) ([]string, error) {
	system, err := e.bundleFiles()
	if err != nil {
		return nil, err
	}
	system = append(slices.DeleteFunc(system, isNix), e.covered...)
	var files []string
	for _, n := range all {
		real, err := e.root.Resolve(n.path)
		switch why := ""; {
		case !path.IsAbs(n.path):
			e.leave(n, "depends on the directory in which a program starts")
		case err != nil || !exists(e.root, real):
			harm := "trust no server"
			if n.adds {
				harm = "do without it"
			}
			e.warn("%s names %s, which is not there: programs that obey it %s", n.by, n.path, harm)
		case slices.Contains(system, real) || slices.Contains(files, real) || e.isCertDir(real):
		default:
			if why = e.unfit(n, real); why == "" {
				files = append(files, real)
			} else if !e.hasAll(real, want) {
				e.leave(n, why)
			}
		}
	}
	slices.Sort(files)
	return files, nil
}

// hasAll reports whether programs that read a file find all wanted certificates in it.
func (e *edit) hasAll(real string, want []wanted) bool {
	data, err := e.root.Content(real)
	if err != nil || len(want) == 0 || !e.reader.Passes(data) {
		return false
	}
	held := e.reader.Held(data)
	return !slices.ContainsFunc(want, func(w wanted) bool { return !held.Has(w.Fingerprint()) })
}

// unfit returns why a named file must not be extended, or "".
func (e *edit) unfit(n namer, real string) string {
	switch {
	case n.dir:
		return "is a directory of its own"
	case isNix(real):
		return "is in the store of Nix"
	case e.isInput(real):
		return "another store reads as an anchor"
	case !e.isPEM(real):
		return "is not a file of PEM certificates"
	}
	if err := e.root.Writable(real); err != nil {
		return fmt.Sprintf("cannot be written (%v)", cause(err))
	}
	return ""
}

// cause returns an error of the operating system without the name of its file.
func cause(err error) error {
	if inner, ok := errors.AsType[*fs.PathError](err); ok {
		return inner.Err
	}
	return err
}

// isInput reports whether another store reads a file as an anchor, or a hash link leads
// to it. A second certificate would make the file useless for that.
func (e *edit) isInput(real string) bool {
	dir := path.Dir(real)
	if slices.ContainsFunc([]string{localDir, sharedDir}, func(d string) bool { return isBelow(e.root, real, d) }) || TakesEveryFile(dir) {
		return true
	}
	for _, row := range stores {
		if s, ok := row.store.(dirStore); ok && s.used(e) && leads(e.root, s.anchors, dir) && path.Ext(real) == s.ext {
			return true
		}
	}
	if !leads(e.root, certDir, dir) || !slices.Contains([]string{".pem", ".crt", ".cer"}, strings.ToLower(path.Ext(real))) {
		return false
	}
	data, err := e.root.Content(real)
	return err == nil && e.reader.Single(data) != nil
}

// isBelow reports whether a file is below a directory.
func isBelow(root *rootfs.Overlay, real, dir string) bool {
	at, err := root.Resolve(dir)
	return err == nil && strings.HasPrefix(real, at+"/")
}

// leave warns that a file was left unchanged, and that its namer should name the
// bundle. If the bundle has all certificates of the file, a variable can be set so:
// leave reports this as an [Instead].
func (e *edit) leave(n namer, why string) {
	bundle := e.bundleName()
	text := fmt.Sprintf("%s names %s, which %s and was left as it is: programs that obey it do not see the installed CAs; let it name %s instead", n.by, n.path, why, cmp.Or(bundle, "a bundle"))
	e.warn("%s", text)
	if bundle == "" || n.variable == "" {
		return
	}
	data, err := e.root.Content(strings.TrimPrefix(n.path, "/"))
	in, _ := e.reader.Open(data)
	held := e.bundleHolds(bundle)
	for c := range in.Held.All() {
		if !held.Has(c.Fingerprint()) {
			return
		}
	}
	if err == nil && in.Held.Len() > 0 {
		e.report.Instead = append(e.report.Instead, Instead{n.variable, bundle, text})
	}
}

// isCertDir reports whether name is the directory of hash links, which other stores
// edit.
func (e *edit) isCertDir(name string) bool {
	dir, err := e.root.Resolve(certDir)
	return err == nil && name == dir
}

// isPEM reports whether PEM can be appended to the file at name. Programs would not
// find it behind DER or in a keystore.
func (e *edit) isPEM(name string) bool {
	if !leadsToFile(e.root, name) {
		return false
	}
	data, err := e.root.Content(name)
	isDER := len(data) > 1 && data[0] == 0x30 && data[1] >= 0x80 // PKCS#12 too
	return err != nil || !isDER && !bytes.HasPrefix(data, []byte{0xfe, 0xed, 0xfe, 0xed}) && !bytes.HasPrefix(data, []byte{0xce, 0xce, 0xce, 0xce})
}
