package rootfs

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
)

// maxLinks is the kernel's limit on the links followed for one name.
const maxLinks = 40

// Resolve returns the link-free path of name. A missing name resolves to itself below
// the real path of its parents. Nothing leads from a missing name back out.
func (o *Overlay) Resolve(name string) (string, error) { return o.resolve("resolve", name, true) }

// resolve walks name element by element. It follows the last element only if follow is
// set.
func (o *Overlay) resolve(op, name string, follow bool) (string, error) {
	if next, ok := o.known(name); ok {
		isLink, _, err := o.step(op, name, next, nil)
		switch {
		case err != nil:
			return "", err
		case !isLink || !follow:
			return next, nil
		}
	}
	at, rest := o.start(name)
	direct := len(rest) > 1
	var via []string
	for links := 0; len(rest) > 0; {
		elem := rest[0]
		rest = rest[1:]
		switch elem {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		next := elem
		if at != "." {
			next = at + "/" + elem
		}
		isLink, missing, err := o.step(op, name, next, rest)
		if err != nil {
			return "", err
		}
		switch {
		case missing && slices.Contains(rest, ".."): // as in chroot(2): no way leads back from a missing directory
			return "", pathError(op, name, fs.ErrNotExist)
		case missing && !lastElement(rest):
			return path.Join(next, path.Join(rest...)), nil // nothing exists below it
		}
		if !isLink || !follow && lastElement(rest) {
			at = next
			continue
		}
		target, err := o.readLink(next)
		if err != nil {
			return "", err
		}
		direct = direct && !lastElement(rest) // the name itself is a link to another place
		via = append(via, next)
		if links++; links > maxLinks {
			return "", pathError(op, name, syscall.ELOOP)
		}
		if path.IsAbs(target) {
			at = "."
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	if direct {
		o.remember(name, at, via)
	}
	return at, nil
}

// known returns the path of name if its directory was walked before. Most names are
// files in a few directories.
func (o *Overlay) known(name string) (string, bool) {
	i := strings.LastIndexByte(name, '/')
	if i <= 0 {
		return "", false
	}
	dir, base := name[:i], name[i+1:]
	real, ok := o.dirs[dir]
	switch {
	case !ok, base == "", base == ".", base == "..":
		return "", false
	case real == ".":
		return base, true
	case real == dir:
		return name, true
	}
	return real + "/" + base, true
}

// start returns where to begin walking name: at the root, or at its directory if that
// was walked before.
func (o *Overlay) start(name string) (at string, rest []string) {
	if i := strings.LastIndexByte(name, '/'); i > 0 {
		if real, ok := o.dirs[name[:i]]; ok && name[i+1:] != ".." {
			return real, []string{name[i+1:]}
		}
	}
	return ".", strings.Split(name, "/")
}

// remember keeps the real path of the directory of name, if it is a directory.
func (o *Overlay) remember(name, at string, via []string) {
	i := strings.LastIndexByte(name, '/')
	if i <= 0 || name[i+1:] == "" || name[i+1:] == "." || name[i+1:] == ".." {
		return
	}
	parent, _ := split(at)
	if kind, err := o.typeOf(parent); err == nil && kind.IsDir() {
		o.dirs[name[:i]] = parent
		for _, link := range via {
			o.via[link] = true
		}
	}
}

// step reports whether one name on the way is a link, or missing. It returns an error
// for another name that is no directory and has elements behind it.
func (o *Overlay) step(op, whole, name string, rest []string) (isLink, missing bool, err error) {
	kind, err := o.typeOf(name)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return false, true, nil
	case err != nil:
		return false, false, err
	case kind&fs.ModeSymlink != 0:
		return true, false, nil
	case !kind.IsDir() && !lastElement(rest):
		return false, false, pathError(op, whole, syscall.ENOTDIR)
	}
	return false, false, nil
}

// lastElement reports whether only empty elements follow.
func lastElement(rest []string) bool {
	for _, elem := range rest {
		if elem != "" && elem != "." {
			return false
		}
	}
	return true
}
