package image

import (
	"context"
	"os"
	"path"
	"slices"
	"strings"
	"unicode"
)

// smallLayer is the size up to which a layer is always read: leaving it out
// would save nothing.
const smallLayer = 1 << 20

// trustPlaces are the directories in and above which certificates, the tools
// that manage them and the runtimes that use them may be.
var trustPlaces = []string{
	"etc", "usr", "lib", "lib32", "lib64", "libx32", "bin", "sbin", "var", "root", "run", "nix", "kaniko", "busybox",
	"opt/java", "opt/venv", "opt/conda", "opt/bitnami", "opt/homebrew", "layers", "cnb",
}

// runtimeWords tell a directory of a runtime with a trust store of its own.
var runtimeWords = []string{"jdk", "jre", "java", "conda", "python", "venv", "node", "ruby", "cert", "ssl"}

// plan decides for each layer of an image whether it is read: "" if so, else
// the place to which it only copies.
func (u *updater) plan(ctx context.Context, it *item) []string {
	plan := make([]string, len(it.manifest.Layers))
	copies := it.copies()
	for i, d := range it.manifest.Layers {
		if _, to := u.mayMatter(it, d, copies, i); to != "" && u.reader.knows(ctx, d) == "" {
			plan[i] = to
		}
	}
	return plan
}

// copies returns for each layer where it only copies to, as the history says, or
// "". Without a history that is of these layers there is nothing.
func (it *item) copies() []string {
	var steps []string
	workdir := ""
	for _, h := range it.config.History {
		if to, ok := cutStep(h.CreatedBy, "WORKDIR "); ok && h.EmptyLayer {
			workdir = join(workdir, to)
		}
		if !h.EmptyLayer {
			if to, ok := cutStep(h.CreatedBy, "WORKDIR "); ok { // BuildKit makes the directory in a layer
				workdir = join(workdir, to)
			}
			steps = append(steps, copyTo(h.CreatedBy, workdir))
		}
	}
	if len(steps) != len(it.manifest.Layers) {
		return nil
	}
	return steps
}

// cutStep returns what follows an instruction, as BuildKit or the classic
// builder write it.
func cutStep(createdBy, instruction string) (string, bool) {
	text := strings.TrimSpace(strings.TrimPrefix(createdBy, "/bin/sh -c #(nop)"))
	rest, ok := strings.CutPrefix(text, instruction)
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "# buildkit")), ok
}

// copyTo returns the absolute path to which a step only copies, or "" if it may
// do something else, or is not from a builder whose history is exact: BuildKit
// ("COPY --chown=1 a b /to # buildkit") and the classic one ("/bin/sh -c #(nop)
// COPY dir:… in /to"), which buildah writes as well.
func copyTo(createdBy, workdir string) string {
	classic := strings.HasPrefix(createdBy, "/bin/sh -c #(nop) ")
	if !classic && !strings.HasSuffix(createdBy, " # buildkit") {
		return ""
	}
	for _, instruction := range []string{"COPY ", "ADD "} {
		rest, ok := cutStep(createdBy, instruction)
		if !ok {
			continue
		}
		words := strings.Fields(rest)
		if strings.ContainsAny(rest, "[]{}\"'\\$*<") || len(words) < 2 || classic && (len(words) != 3 || words[1] != "in") {
			return ""
		}
		return join(workdir, words[len(words)-1])
	}
	return ""
}

// join resolves a path that is relative to the working directory; "" is a
// directory that is not known.
func join(workdir, to string) string {
	switch {
	case strings.ContainsAny(to, "$\"'"):
		return ""
	case path.IsAbs(to):
		return path.Clean(to)
	case workdir == "":
		return ""
	}
	return path.Join(workdir, to)
}

// aside reports whether what is copied to a place cannot be in or above one
// that matters.
func aside(to string) bool {
	name := strings.TrimPrefix(to, "/")
	if name == "" {
		return false
	}
	for _, p := range trustPlaces {
		if name == p || strings.HasPrefix(name, p+"/") || strings.HasPrefix(p, name+"/") {
			return false
		}
	}
	lower := strings.ToLower(name)
	return !slices.ContainsFunc(runtimeWords, func(word string) bool { return strings.Contains(lower, word) })
}

// refersTo reports whether the config has programs or trust stores in dir.
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

// namesPlaces reports whether a variable names where a runtime or a trust store
// is.
func namesPlaces(name string) bool {
	return slices.Contains([]string{"PATH", "JAVA_HOME", "VIRTUAL_ENV", "CONDA_PREFIX", "NODE_PATH", "GIT_SSL_CAINFO", "PIP_CERT"}, name) ||
		strings.Contains(name, "_CA_") || strings.HasPrefix(name, "SSL_CERT_")
}

// reconsider has layers read after all, where what was read shows that they may
// hold what matters: their place leads elsewhere by a link, or a runtime that
// the image starts is not in what was read.
func (u *updater) reconsider(ctx context.Context, it *item) error {
	if !slices.ContainsFunc(it.plan, func(to string) bool { return to != "" }) {
		return nil
	}
	seen, err := u.tree(ctx, it, len(it.plan))
	if err != nil {
		return err
	}
	lost := it.startsUnseen(seen)
	for i, to := range it.plan {
		if to != "" && (lost || linked(seen.root, to)) {
			it.plan[i] = ""
		}
	}
	return nil
}

// linked reports whether a path has a link in it.
func linked(root *node, to string) bool {
	at := root
	for elem := range strings.SplitSeq(strings.Trim(to, "/"), "/") {
		if at = at.dir.get(elem); at == nil {
			return false
		}
		if at.isLink() {
			return true
		}
	}
	return false
}

// startsUnseen reports whether the image starts java or python, and it is not
// there in what was read: in no directory of PATH, or not where the path or a link
// says.
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

// isRuntime reports whether a word is java or python, of whatever version.
func isRuntime(word string) bool {
	return slices.Contains([]string{"java", "python"}, strings.TrimRight(path.Base(word), "0123456789."))
}

// maybeRuntime reports whether a word, where it names a program, may be one of
// them.
func maybeRuntime(word string) bool {
	return strings.HasPrefix(word, "java") || strings.HasPrefix(word, "python")
}

// words returns the words of arguments, each of which may be for a shell. The
// image's variables are put in.
func (it *item) words(args []string) []string {
	var all []string
	for _, arg := range args {
		all = append(all, strings.FieldsFunc(os.Expand(arg, it.variable), func(r rune) bool {
			return unicode.IsSpace(r) || strings.ContainsRune(";&|()<>{}=,:`\"'\\", r)
		})...)
	}
	return all
}

// programs returns the absolute paths that the entrypoint and the command name.
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

// isSeen reports whether a program is in what was read.
func (it *item) isSeen(seen *tree, program string) bool {
	dirs := strings.Split(it.variable("PATH"), ":")
	switch {
	case path.IsAbs(program):
		dirs = []string{"/"}
	case strings.Contains(program, "/"):
		dirs = []string{it.config.Config.WorkingDir}
	}
	return slices.ContainsFunc(dirs, func(dir string) bool {
		return lookup(seen.root, follow(seen.root, cleanName(path.Join(dir, program)))) != nil
	})
}
