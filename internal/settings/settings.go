// Package settings finds the CAs that configuration files of programs name: for
// example a file of certificates in a gitconfig, or a trust store in options of
// Java.
//
// Start with [Find], which reads the files that git, npm, pip, curl, Conda, Gradle,
// wget and apt read, in a root. [Java] and [Erlang] read the values of variables.
//
// The API may change before version 1.0.
package settings

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Kind is the kind of a value.
type Kind int

// The kinds of values.
const (
	File      Kind = iota + 1 // path of a file of certificates
	Directory                 // path of a directory of certificates
	Keystore                  // path of a trust store of Java
	Inline                    // a certificate in the configuration itself
	options                   // options of a Java runtime
	password                  // of the keystore in the same file
	include                   // another file of the same format
)

// Setting is a value that names CAs.
type Setting struct {
	Name     string // of the file, for io/fs
	Line     int
	Key      string
	Kind     Kind
	Value    string // a path as the program takes it; without a leading / it depends on the program's directory
	Password string // of a keystore, if the configuration has one
}

// String says where the setting stands.
func (s Setting) String() string { return fmt.Sprintf("%s in /%s, line %d,", s.Key, s.Name, s.Line) }

// program is a program and its configuration.
type program struct {
	files     []string // in the root
	homes     []string // in a home directory
	variables []string // that name a file; with a path after a /, its directory
	read      func(text string, yield func(line int, key, value string))
	keys      map[string]Kind // the keys that read yields
}

var programs = []program{
	{
		files: []string{"etc/gitconfig", "usr/local/etc/gitconfig"}, homes: []string{".gitconfig", ".config/git/config"},
		variables: []string{"GIT_CONFIG_SYSTEM", "GIT_CONFIG_GLOBAL", "XDG_CONFIG_HOME/git/config"}, read: readGit,
		keys: map[string]Kind{"http.sslcainfo": File, "http.proxysslcainfo": File, "http.sslcapath": Directory, "include.path": include, "includeif.path": include},
	},
	{
		files: []string{"etc/npmrc", "usr/etc/npmrc", "usr/local/etc/npmrc"}, homes: []string{".npmrc"},
		variables: []string{"npm_config_userconfig", "NPM_CONFIG_USERCONFIG", "npm_config_globalconfig", "NPM_CONFIG_GLOBALCONFIG"}, read: readNPM,
		keys: map[string]Kind{"cafile": File, "ca": Inline, "ca[]": Inline},
	},
	{
		homes: []string{".yarnrc.yml"}, read: readYAML,
		keys: map[string]Kind{"httpsCaFilePath": File, "caFilePath": File},
	},
	{
		files: []string{"etc/pip.conf", "etc/xdg/pip/pip.conf"}, homes: []string{".config/pip/pip.conf", ".pip/pip.conf"},
		variables: []string{"PIP_CONFIG_FILE", "VIRTUAL_ENV/pip.conf", "XDG_CONFIG_HOME/pip/pip.conf"}, read: readINI,
		keys: map[string]Kind{"cert": File},
	},
	{
		homes: []string{".curlrc", ".config/curlrc"}, variables: []string{"CURL_HOME/.curlrc", "CURL_HOME/curlrc", "XDG_CONFIG_HOME/curlrc"}, read: readCurl,
		keys: map[string]Kind{"cacert": File, "proxy-cacert": File, "capath": Directory, "proxy-capath": Directory},
	},
	{
		files:     []string{"etc/conda/.condarc", "etc/conda/condarc", "var/lib/conda/.condarc", "opt/conda/.condarc"},
		homes:     []string{".condarc", ".conda/.condarc", ".conda/condarc", ".config/conda/.condarc"},
		variables: []string{"CONDARC", "CONDA_ROOT/.condarc", "CONDA_PREFIX/.condarc"}, read: readYAML,
		keys: map[string]Kind{"ssl_verify": File},
	},
	{
		homes: []string{".gradle/gradle.properties"}, variables: []string{"GRADLE_USER_HOME/gradle.properties", "GRADLE_HOME/gradle.properties"}, read: readProperties,
		keys: map[string]Kind{"systemProp." + trustStore: Keystore, "systemProp." + trustStore + "Password": password, "org.gradle.jvmargs": options},
	},
	{
		files: []string{"etc/wgetrc", "usr/local/etc/wgetrc"}, homes: []string{".wgetrc"}, variables: []string{"WGETRC", "SYSTEM_WGETRC"}, read: readWget,
		keys: map[string]Kind{"cacertificate": File, "cadirectory": Directory},
	},
	{
		files: []string{"etc/apt/apt.conf"}, variables: []string{"APT_CONFIG"}, read: readAPT,
		keys: map[string]Kind{"cainfo": File},
	},
}

// Limits: the size of a configuration file, and the number of files in a chain of
// includes.
const (
	most    = 1 << 20
	deepest = 10
)

// Find returns the settings in a root, in the order of the files. It skips files
// that it cannot read, because their programs cannot read them either.
func Find(root fs.FS, environ map[string]string) []Setting {
	f := &finder{root: root, environ: environ}
	homes := f.homeDirs()
	for _, p := range programs {
		for _, name := range p.files {
			f.read(p, name, f.home(), 0)
		}
		for _, home := range homes {
			for _, name := range p.homes {
				f.read(p, path.Join(home, name), home, 0)
			}
		}
		for _, v := range p.variables {
			name, rest, _ := strings.Cut(v, "/")
			if value := environ[name]; strings.HasPrefix(value, "/") {
				f.read(p, path.Join(value, rest), f.home(), 0)
			}
		}
	}
	return f.found
}

// Reads reports whether name may be the configuration of a program.
func Reads(name string) bool {
	for _, p := range programs {
		if slices.Contains(p.files, name) || slices.ContainsFunc(p.homes, func(home string) bool { return name == home || strings.HasSuffix(name, "/"+home) }) {
			return true
		}
	}
	return false
}

type finder struct {
	root    fs.FS
	environ map[string]string
	done    []string
	found   []Setting
}

// homeDirs are the directories with configuration of users. They are listed once,
// so that a missing file costs no look-up.
func (f *finder) homeDirs() []string {
	homes := []string{".", "root"}
	entries, _ := fs.ReadDir(f.root, "home")
	for _, entry := range entries {
		homes = append(homes, path.Join("home", entry.Name()))
	}
	if home := f.home(); !slices.Contains(homes, home) {
		homes = append(homes, home)
	}
	for _, home := range homes {
		_, _ = fs.ReadDir(f.root, home)
	}
	return homes
}

// home is the home directory of the user whose environment is known, else root's.
func (f *finder) home() string {
	if home := f.environ["HOME"]; strings.HasPrefix(home, "/") {
		return toName(home)
	}
	return "root"
}

// read adds the settings of a file, once.
func (f *finder) read(p program, name, home string, depth int) {
	name = toName(name)
	if slices.Contains(f.done, name) || depth > deepest {
		return
	}
	info, err := fs.Stat(f.root, name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > most {
		return
	}
	f.done = append(f.done, name)
	data, err := fs.ReadFile(f.root, name)
	if err != nil {
		return
	}
	start, secret := len(f.found), ""
	p.read(string(data), func(line int, key, value string) {
		s := Setting{Name: name, Line: line, Key: key, Kind: p.keys[key], Value: value}
		switch s.Kind {
		case include:
			f.read(p, f.path(value, home, path.Dir(name)), home, depth+1)
			return
		case password:
			secret = value
			return
		case options:
			s.Kind = Keystore
			s.Value, s.Password = Java(value)
		case File, Directory, Keystore:
			s.Value = f.path(value, home, "")
		}
		if s.Kind != 0 && s.Value != "" && !slices.Contains(noPath, strings.ToLower(s.Value)) {
			f.found = append(f.found, s)
		}
	})
	for i := range f.found[start:] {
		s := &f.found[start+i]
		s.Password = cmp.Or(s.Password, secret)
	}
}

// noPath are words that stand in place of a path.
var noPath = []string{"true", "false", "yes", "no", "on", "off", "null", "~", "none", "truststore", "system"}

// path expands the home directory and variables in a path. A relative path is
// below dir; dir is "" if it is unknown.
func (f *finder) path(value, home, dir string) string {
	if rest, ok := strings.CutPrefix(value, "~/"); ok {
		value = path.Join("/", home, rest)
	}
	if strings.Contains(value, "${") {
		for name, v := range f.environ {
			value = strings.ReplaceAll(value, "${"+name+"}", v)
		}
		value = strings.ReplaceAll(value, "${HOME}", path.Join("/", home))
	}
	if dir != "" && value != "" && !path.IsAbs(value) {
		value = path.Join("/", dir, value)
	}
	return value
}

// toName returns an absolute path as a name for io/fs.
func toName(p string) string {
	if p = strings.TrimPrefix(path.Clean("/"+p), "/"); p == "" {
		return "."
	}
	return p
}
