// Package settings finds the CAs that the configuration of programs names: a file of
// certificates in a gitconfig, a trust store in the options of Java.
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

// Kind is what a value is.
type Kind int

// The kinds of values.
const (
	File      Kind = iota + 1 // a path of a file of certificates
	Directory                 // a path of a directory of certificates
	Keystore                  // a path of a trust store of Java
	Inline                    // a certificate, in the configuration itself
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
	Value    string // a path as the program takes it: one that does not begin with / depends on where it starts
	Password string // of a keystore, if the configuration has it
}

// String says where the setting is.
func (s Setting) String() string { return fmt.Sprintf("%s in /%s, line %d,", s.Key, s.Name, s.Line) }

// program is a program and its configuration.
type program struct {
	files     []string // in the root
	homes     []string // in a home directory
	variables []string // that name a file, or, with a path behind a /, the directory of one
	read      func(text string, yield func(line int, key, value string))
	keys      map[string]Kind // as read yields them
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

// most is how large a file of configuration may be, and how many an include leads
// to, one from the other.
const (
	most    = 1 << 20
	deepest = 10
)

// Find returns what the configuration in a root names, in the order of the files.
// Files that cannot be read are passed over: their programs do not obey them either.
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

// Reads reports whether a program may have its configuration in the file at name.
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

// homeDirs are the directories in which users have their configuration. They are
// listed, so that what is missing there costs nothing.
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

// home is the directory of the user whose environment is known, or root's.
func (f *finder) home() string {
	if home := f.environ["HOME"]; strings.HasPrefix(home, "/") {
		return toName(home)
	}
	return "root"
}

// read enters the settings of a file, once.
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

// noPath are values of settings that hold a path, or say whether one is looked at.
var noPath = []string{"true", "false", "yes", "no", "on", "off", "null", "~", "none", "truststore", "system"}

// path expands what stands for directories in a path: the home directory and
// variables. In dir is what is not rooted; dir is "" where that is not known.
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

// toName returns a rooted path for io/fs.
func toName(p string) string {
	if p = strings.TrimPrefix(path.Clean("/"+p), "/"); p == "" {
		return "."
	}
	return p
}
