package installer

import (
	"bytes"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
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
		case !e.isPEM(real):
			e.warn("%s names %s, which is no file of PEM certificates and was left as it is: programs that obey it do not see what is installed; name a bundle instead", v.name, value)
		default:
			files = append(files, real)
		}
	}
	slices.Sort(files)
	return files, nil
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
