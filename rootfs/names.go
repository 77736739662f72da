package rootfs

import "strings"

// split returns the directory and the last element of a clean name. [path.Dir] and
// [path.Base] would check each byte.
func split(name string) (dir, base string) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return ".", name
	}
	return name[:i], name[i+1:]
}

// inDir returns the path of a name in a directory. [path.Join] would check each byte.
func inDir(dir, base string) string {
	if dir == "." {
		return base
	}
	return dir + "/" + base
}
