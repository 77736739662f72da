package image

import (
	"os"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/certgraft/certgraft/image/internal/layer"
)

// refersTo reports whether the config names programs or trust stores in dir.
func (it *item) refersTo(dir string) bool {
	c := it.config.Config
	inside := func(name string) bool {
		return name == dir || strings.HasPrefix(name, strings.TrimSuffix(dir, "/")+"/")
	}
	if slices.ContainsFunc(slices.Concat(c.Entrypoint, c.Cmd), inside) || slices.ContainsFunc(it.programs(), inside) {
		return true
	}
	for _, kv := range c.Env {
		name, value, _ := strings.Cut(kv, "=")
		if !namesPlaces(name) {
			continue
		}
		if slices.ContainsFunc(strings.Split(value, ":"), inside) {
			return true
		}
	}
	return false
}

// namesPlaces reports whether a variable names the place of a runtime or a
// trust store.
func namesPlaces(name string) bool {
	return slices.Contains([]string{"PATH", "JAVA_HOME", "VIRTUAL_ENV", "CONDA_PREFIX", "NODE_PATH", "GIT_SSL_CAINFO", "PIP_CERT"}, name) ||
		strings.Contains(name, "_CA_") || strings.HasPrefix(name, "SSL_CERT_")
}

// startsUnseen reports whether the image starts java or python from a layer
// that was not read: no directory of PATH has the program, or its path or a
// link leads nowhere.
func (it *item) startsUnseen(seen *tree) bool {
	c := it.config.Config
	for _, args := range [][]string{c.Entrypoint, c.Cmd} {
		for i, word := range it.words(args) {
			if (isRuntime(word) || i == 0 && maybeRuntime(word)) && !it.isSeen(seen, word) {
				return true
			}
		}
	}
	return false
}

// isRuntime reports whether a word is java or python, of any version.
func isRuntime(word string) bool {
	return slices.Contains([]string{"java", "python"}, strings.TrimRight(path.Base(word), "0123456789."))
}

// maybeRuntime reports whether the name of a program begins with java or
// python.
func maybeRuntime(word string) bool {
	return strings.HasPrefix(word, "java") || strings.HasPrefix(word, "python")
}

// isSeen reports whether a layer that was read holds a program.
func (it *item) isSeen(seen *tree, program string) bool {
	dirs := strings.Split(it.variable("PATH"), ":")
	switch {
	case path.IsAbs(program):
		dirs = []string{"/"}
	case strings.Contains(program, "/"):
		dirs = []string{it.config.Config.WorkingDir}
	}
	return slices.ContainsFunc(dirs, func(dir string) bool {
		return layer.Lookup(seen.Root, follow(seen.Root, layer.CleanName(path.Join(dir, program)))) != nil
	})
}

// words splits arguments into words, since each argument may be a shell
// command. The image's variables are expanded.
func (it *item) words(args []string) []string {
	var all []string
	for _, arg := range args {
		all = append(all, strings.FieldsFunc(os.Expand(arg, it.variable), func(r rune) bool {
			return unicode.IsSpace(r) || strings.ContainsRune(";&|()<>{}=,:`\"'\\", r)
		})...)
	}
	return all
}

// programs returns the absolute paths in the entrypoint and the command.
func (it *item) programs() []string {
	var all []string
	for _, word := range it.words(slices.Concat(it.config.Config.Entrypoint, it.config.Config.Cmd)) {
		if path.IsAbs(word) {
			all = append(all, path.Clean(word))
		}
	}
	return all
}

// variable returns the value of a variable in the config.
func (it *item) variable(name string) string {
	for _, kv := range it.config.Config.Env {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}
