package rootfs

import "strings"

// split returns the directory and the last element of name, as [path.Dir] and
// [path.Base] do, which look at each byte of what is clean already.
func split(name string) (dir, base string) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return ".", name
	}
	return name[:i], name[i+1:]
}

// inDir returns the path of a name in a directory, as [path.Join] does, which
// looks at each byte of what is clean already.
func inDir(dir, base string) string {
	if dir == "." {
		return base
	}
	return dir + "/" + base
}
