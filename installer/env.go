package installer

import (
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
)

// envStore is the files that variables in the environment have programs read
// instead of the system's bundle.
type envStore struct{}

func (envStore) name() string { return "env" }

func (s envStore) install(e *edit, want []wanted) error {
	files, err := e.envFiles()
	if err != nil {
		return err
	}
	return e.extendAll(s.name(), files, want)
}

func (s envStore) remove(e *edit, gone map[certs.Fingerprint]bool) error {
	return e.shrinkAll(s.name(), gone)
}

// envFiles returns the files that variables name and that are no system bundle,
// each once. A variable that leads nowhere is warned of: programs that obey it
// trust nobody.
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
		case err != nil || !leadsToFile(e.root, real):
			if err != nil || !exists(e.root, real) {
				e.warn("%s names %s, which is not there: programs that obey it trust nobody", v.name, value)
			}
		case !slices.Contains(system, real) && !slices.Contains(files, real):
			files = append(files, real)
		}
	}
	slices.Sort(files)
	return files, nil
}
