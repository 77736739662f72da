package readers

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/certgraft/certgraft/internal/glob"
	"github.com/certgraft/certgraft/rootfs"
)

// found is the place of a reader and its release. The release is "" if it is
// unknown.
type found struct{ path, release string }

// finder looks for readers in a root. It looks for each by its name, in the usual
// places, and searches no directory.
type finder struct {
	*glob.Tree

	root    *rootfs.Overlay
	environ map[string]string
	bins    func() []string // directories with programs
	sites   func() []string // directories with Python modules
	homes   func() []string // directories of Java runtimes
}

func newFinder(root *rootfs.Overlay, environ map[string]string) *finder {
	f := &finder{Tree: glob.New(root), root: root, environ: environ}
	f.bins = sync.OnceValue(func() []string { return f.Match(slices.Concat(f.searchPath(), programDirs)...) })
	f.sites = sync.OnceValue(f.sitePackages)
	f.homes = sync.OnceValue(f.javaHomes)
	return f
}

// Directories with programs: of the system and of version managers.
var programDirs = []string{
	"usr/local/bin", "usr/bin", "bin", "usr/sbin", ".", "nodejs/bin", "opt/*/bin", "opt/*/*/bin", "usr/local/*/bin",
	"{home}/.local/bin", "{home}/.cargo/bin", "{home}/.deno/bin", "{home}/.bun/bin", "{home}/.pyenv/versions/*/bin", "opt/pyenv/versions/*/bin",
	"{home}/.nvm/versions/node/*/bin", "usr/local/nvm/versions/node/*/bin", "{home}/.local/share/mise/installs/*/*/bin", "{home}/.asdf/installs/*/*/bin",
	"{home}/.local/share/fnm/node-versions/*/installation/bin", "{home}/.fnm/node-versions/*/installation/bin", "{home}/.volta/tools/image/node/*/bin",
	"opt/hostedtoolcache/node/*/*/bin", "home/linuxbrew/.linuxbrew/bin", "layers/*/*/bin",
}

// Directories that contain Python's lib directory: of the system, of virtual
// environments, of pyenv, and of the tools of pipx and uv.
var pythonHomes = []string{
	"usr", "usr/local", "opt/*", "venv", ".venv", "app/venv", "app/.venv", "usr/src/app/venv", "usr/src/app/.venv", "code/.venv", "srv/*/.venv",
	"{home}/.local", "{home}/.venv", "{home}/.pyenv/versions/*", "opt/pyenv/versions/*", "{home}/.local/share/mise/installs/python/*", "{home}/.asdf/installs/python/*",
	"{home}/.local/share/pipx/venvs/*", "opt/pipx/venvs/*", "{home}/.local/share/uv/tools/*", "{home}/.local/share/uv/python/*", "var/lang", "layers/*/*",
}

// Directories that contain Java runtimes. In directories with other content too,
// only names like those of runtimes count.
var javaDirs = []string{
	"usr/lib/jvm/*", "usr/lib64/jvm/*", "usr/lib64/graalvm/*", "usr/java/*", "opt/java/*", "opt/jvm/*", "opt/*/jre", "opt/*/jdk", "opt/*/jbr", "opt/*/java",
	"usr/share/*/jdk", "usr/share/*/jre", "layers/*/jre", "layers/*/jdk", "usr/local/sdkman/candidates/java/*", "{home}/.sdkman/candidates/java/*",
	"{home}/.local/share/mise/installs/java/*", "{home}/.asdf/installs/java/*", "{home}/.gradle/jdks/*", "{home}/.jdks/*", "{home}/.jenv/versions/*", "{home}/.jabba/jdk/*",
	"opt/hostedtoolcache/Java*/*/*", "home/linuxbrew/.linuxbrew/opt/openjdk*/libexec",
}

// javaNames are parts of the names of Java runtimes.
var javaNames = []string{"jdk", "jre", "java", "graal", "zulu", "corretto", "temurin", "semeru", "jvm", "liberica", "sapmachine"}

// calledLikeJava returns the entries of directories that are named like a Java
// runtime.
func (f *finder) calledLikeJava(dirs ...string) (names []string) {
	for _, dir := range dirs {
		for _, e := range f.List(dir) {
			lower := strings.ToLower(e.Name())
			if slices.ContainsFunc(javaNames, func(part string) bool { return strings.Contains(lower, part) }) {
				names = append(names, path.Join(dir, e.Name()))
			}
		}
	}
	return names
}

// sitePackages returns the directories with Python modules.
func (f *finder) sitePackages() (sites []string) {
	homes := f.Match(pythonHomes...)
	for _, name := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		homes = append(homes, unrooted([]string{f.environ[name]})...)
	}
	for _, home := range homes {
		for _, lib := range []string{"lib", "lib64"} {
			for _, python := range f.In(path.Join(home, lib), "python3*") {
				sites = append(sites, python+"/site-packages", python+"/dist-packages")
			}
		}
	}
	return append(sites, "var/task", "opt/python") // the last two are of AWS Lambda
}

// searchPath returns the directories of PATH, without patterns. It omits the shims
// of version managers: the programs themselves are found elsewhere.
func (f *finder) searchPath() (dirs []string) {
	for _, dir := range unrooted(strings.Split(f.environ["PATH"], ":")) {
		if !glob.HasMeta(dir) && path.Base(dir) != "shims" {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// distinct removes paths that do not exist, and paths to a file that was already
// found.
func (f *finder) distinct(all []found) (kept []found) {
	seen := map[string]bool{}
	for _, at := range all {
		if real, ok := f.Enter(seen, at.path); ok {
			kept = append(kept, found{real, at.release})
		}
	}
	return kept
}

// programs finds the programs with a name.
func programs(name string) func(*finder) []found {
	return func(f *finder) (all []found) {
		for _, dir := range f.bins() {
			at := path.Join(dir, name)
			if info, err := f.root.Stat(at); err == nil && info.Mode().IsRegular() {
				all = append(all, found{path: at})
			}
		}
		return all
	}
}

// libraries finds shared libraries in the directories of the linker.
func libraries(names ...string) func(*finder) []found {
	return func(f *finder) (all []found) {
		for _, dir := range f.Match("usr/lib/*-linux-*", "usr/lib", "usr/lib64", "lib/*-linux-*", "lib", "lib64", "usr/local/lib", "usr/local/lib64") {
			for _, name := range names {
				for _, at := range f.In(dir, name) {
					all = append(all, found{path: at})
				}
			}
		}
		return all
	}
}

// pythons finds interpreters by the name that includes the release.
func pythons(f *finder) (all []found) {
	for _, dir := range f.bins() {
		for _, at := range f.pythonsIn(dir) {
			if release := strings.TrimPrefix(path.Base(at), "python"); strings.Trim(release, "0123456789.") == "" {
				all = append(all, found{at, release})
			}
		}
	}
	return all
}

// pythonsIn returns the possible interpreters in a directory. It tries their names
// and does not list the directory, because directories of programs are long and
// few have an interpreter.
func (f *finder) pythonsIn(dir string) (names []string) {
	if f.Exists(path.Join(dir, "python3")) {
		return f.In(dir, "python3.*")
	}
	for minor := 8; minor < 17; minor++ {
		names = append(names, f.In(dir, "python3."+strconv.Itoa(minor))...)
	}
	return names
}

// modules finds a Python module by the files of its installer.
func modules(name string) func(*finder) []found {
	return func(f *finder) (all []found) {
		for _, dir := range f.sites() {
			for _, at := range slices.Concat(f.In(dir, name+"-*.dist-info"), f.In(dir, name+"-*.egg-info")) {
				release := strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(path.Base(at), name+"-"), ".egg-info"), ".dist-info")
				release, _, _ = strings.Cut(release, "-")
				all = append(all, found{path.Join(dir, name), release})
			}
		}
		return all
	}
}

// nodes finds builds of Node: the official ones of nodejs.org, which have headers
// beside them, or those of distributions, which have not.
func nodes(official bool) func(*finder) []found {
	return func(f *finder) (all []found) {
		for _, at := range programs("node")(f) {
			real, err := f.root.Resolve(at.path)
			if err != nil || strings.Contains(path.Base(real), "shim") { // Volta's shim starts the release that a project names
				continue
			}
			release, isOfficial := f.nodeRelease(real)
			if isOfficial == official {
				all = append(all, found{real, release})
			}
		}
		return all
	}
}

// nodeRelease returns the release of an official build, if its headers or its path
// have it.
func (f *finder) nodeRelease(program string) (release string, official bool) {
	home := path.Dir(path.Dir(program))
	official = home != "usr" && home != "." || !f.ownNode()
	if data, err := f.root.Content(path.Join(home, "include/node/node_version.h")); err == nil {
		return define(string(data), "NODE_MAJOR_VERSION"), official
	}
	for part := range strings.SplitSeq(home, "/") {
		if number := strings.TrimPrefix(part, "v"); strings.Trim(number, "0123456789.") == "" && strings.Contains(number, ".") {
			return number, official
		}
	}
	return "", official
}

// ownNode reports whether the node in /usr/bin is the distribution's build, which
// uses the distribution's libssl. It is, if a library lies beside it, or if the
// distribution builds node without one. Otherwise it is a package of the official
// build.
func (f *finder) ownNode() bool {
	if len(f.Match("usr/lib/libnode.so*", "usr/lib64/libnode.so*", "usr/lib/*-linux-gnu*/libnode.so*")) > 0 {
		return true
	}
	system, err := f.root.Content("etc/os-release")
	if err != nil {
		system, _ = f.root.Content("usr/lib/os-release")
	}
	for line := range strings.Lines(string(system)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		for id := range strings.FieldsSeq(strings.Trim(value, `"'`)) {
			if (key == "ID" || key == "ID_LIKE") && slices.Contains([]string{"alpine", "wolfi", "chainguard", "arch", "suse", "opensuse"}, id) {
				return true
			}
		}
	}
	return false
}

// define returns the value of a C macro.
func define(text, name string) string {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "#define" && fields[1] == name {
			return fields[2]
		}
	}
	return ""
}

// javas finds runtimes by their trust stores, and by the programs that lead to
// them.
func javas(f *finder) (all []found) {
	for _, home := range f.homes() {
		for _, home := range []string{home, path.Join(home, "jre")} { // version 8 has jre
			if dir := path.Join(home, "lib/security"); f.Exists(path.Join(dir, "cacerts")) || f.Exists(path.Join(dir, "jssecacerts")) {
				all = append(all, found{home, f.javaRelease(home)})
			}
		}
	}
	return all
}

func (f *finder) javaHomes() []string {
	homes := append(f.Match(javaDirs...), f.calledLikeJava(append([]string{"opt", "usr/local", "usr/lib", "app", ".", "root"}, f.Match("home/*")...)...)...)
	for name, value := range f.environ {
		if strings.HasSuffix(name, "JAVA_HOME") || name == "JRE_HOME" {
			homes = append(homes, unrooted([]string{value})...)
		}
	}
	slices.Sort(homes)
	for _, at := range programs("java")(f) {
		if real, err := f.root.Resolve(at.path); err == nil && path.Base(path.Dir(real)) == "bin" {
			homes = append(homes, path.Dir(path.Dir(real)))
		}
	}
	return homes
}

// javaRelease reads the release of a runtime. It returns 8 for 1.8.
func (f *finder) javaRelease(home string) string {
	data, err := f.root.Content(path.Join(home, "release"))
	if err != nil {
		data, _ = f.root.Content(path.Join(path.Dir(home), "release")) // the jdk around a jre
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, `JAVA_VERSION="`); ok {
			return strings.TrimPrefix(strings.TrimSuffix(strings.TrimSpace(value), `"`), "1.")
		}
	}
	return ""
}

// erlangs finds Erlang by its file of the release.
func erlangs(f *finder) (all []found) {
	for _, at := range f.Match("usr/lib/erlang/releases/*/OTP_VERSION", "usr/local/lib/erlang/releases/*/OTP_VERSION", "opt/*/lib/erlang/releases/*/OTP_VERSION",
		"{home}/.local/share/mise/installs/erlang/*/releases/*/OTP_VERSION", "{home}/.asdf/installs/erlang/*/releases/*/OTP_VERSION") {
		dir := path.Dir(at)
		all = append(all, found{path.Dir(path.Dir(dir)), path.Base(dir)})
	}
	return all
}
