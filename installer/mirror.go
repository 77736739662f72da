package installer

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/rootfs"
)

// mirror is a directory with links to the names in a hash directory. OpenSSL reads the
// mirror.
type mirror struct {
	dir    string
	prefix string // text before the name in a link's target
	files  bool   // the files are linked as well as the hash links
	plain  bool   // a hash link leads to the file, not to the hash link
}

// mirrorsOf returns the directories, of copies, into which the tool links the names in
// dir. It learns from existing links how the tool does so. A directory without such
// links is no mirror.
func mirrorsOf(e *edit, dir string, copies []string) ([]mirror, error) {
	var found []mirror
	for _, name := range copies {
		real, ok, err := directory(e.root, name)
		if err != nil {
			return nil, err
		}
		if !ok || real == dir {
			continue
		}
		links, err := linksIn(e.root, real)
		if err != nil {
			return nil, err
		}
		if m, ok := learn(e.root, real, links, dir); ok {
			found = append(found, m)
		}
	}
	return found, nil
}

func learn(root *rootfs.Overlay, at string, links map[string]string, dir string) (mirror, bool) {
	m, ok := mirror{dir: at}, false
	for _, name := range slices.Sorted(maps.Keys(links)) {
		prefix, base := path.Split(links[name])
		if from, err := root.Resolve(rootedIn(at, prefix)); prefix == "" || err != nil || from != dir {
			continue
		}
		if isHash(name) {
			m.prefix, m.plain, ok = prefix, base != name, true
		} else if strings.HasSuffix(name, ".pem") {
			m.files = true
		}
	}
	return m, ok
}

// rootedIn returns the path, for io/fs, of the target of a link in dir.
func rootedIn(dir, target string) string {
	if !path.IsAbs(target) {
		target = path.Join("/", dir, target)
	}
	return strings.TrimPrefix(path.Clean(target), "/")
}

// add links a new file and its hash links. It keeps existing names.
func (m mirror) add(e *edit, file string, links []string) error {
	for _, name := range links {
		target := name
		if m.plain {
			target = file
		}
		if err := m.link(e, target, name); err != nil {
			return err
		}
	}
	if m.files {
		return m.link(e, file, file)
	}
	return nil
}

func (m mirror) link(e *edit, target, name string) error {
	if isThere(e.root, path.Join(m.dir, name)) {
		return nil
	}
	return e.root.Symlink(m.prefix+target, path.Join(m.dir, name))
}

// drop removes the links to names that are gone, and checks the others. A hash link to
// a hash link stays if that link only has another target now.
func (m mirror) drop(e *edit, lost []string) error {
	toLost := func(_, target string) bool {
		base, ours := strings.CutPrefix(target, m.prefix)
		return ours && slices.Contains(lost, base)
	}
	if _, err := (hashLinks{e, "", m.dir}).drop(toLost); err != nil {
		return err
	}
	left, err := linksIn(e.root, m.dir)
	if err != nil {
		return err
	}
	for name, target := range left {
		if toLost(name, target) {
			return fmt.Errorf("/%s was edited and the link %s in it would lead nowhere: nothing was changed; please report this", m.dir, name)
		}
	}
	return nil
}
