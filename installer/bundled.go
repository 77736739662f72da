package installer

import (
	"bufio"
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
)

// bundledStore is the CAs that packages of a language bring and trust in place of the
// system's. An upgrade of the package restores its own file, so install edits these
// files only when --stores names the store, except for PHP and Homebrew.
type bundledStore struct {
	id    string
	files func(e *edit) []string
}

var (
	pythonStore   = bundledStore{"python", pythonFiles}
	rubyStore     = bundledStore{"ruby", rubyFiles}
	condaStore    = bundledStore{"conda", func(e *edit) []string { return e.search().CondaFiles() }}
	composerStore = bundledStore{"composer", composerFiles}
	phpStore      = bundledStore{"php", phpFiles} // php.ini names a file of the administrator, which no upgrade replaces
)

// homebrewStore is the bundle of Homebrew on Linux, which all programs that it builds
// read.
type homebrewStore struct{ bundledStore }

var homebrew = homebrewStore{bundledStore{"homebrew", homebrewFiles}}

func (s homebrewStore) install(e *edit, want []wanted) error {
	for _, name := range s.found(e) {
		if e.hasAll(name, want) {
			continue
		}
		e.tell("/%s is Homebrew's, which writes it anew when it upgrades ca-certificates: run this again then", name)
	}
	return s.bundledStore.install(e, want)
}

func homebrewFiles(e *edit) []string {
	var files []string
	for _, dir := range append([]string{"home/linuxbrew/.linuxbrew"}, dirsOf(e.opt.Environ["HOMEBREW_PREFIX"], "")...) {
		files = append(files, dir+"/etc/ca-certificates/cert.pem", dir+"/etc/openssl@3/cert.pem")
	}
	return files
}

// nixStore is the bundles in the store of Nix. A file's name there has a digest of its
// content: Nix notices, or repairs, a change. So install edits them only when --stores
// names nix.
type nixStore struct{}

func (nixStore) name() string { return "nix" }

func (nixStore) used(e *edit) bool { return len(e.nixBundles()) > 0 }

func (s nixStore) install(e *edit, want []wanted) error {
	return e.extendAll(s.name(), e.nixBundles(), want)
}

func (s nixStore) remove(e *edit, gone map[certs.Fingerprint]bool) error {
	return e.shrinkAll(s.name(), e.bundle, gone)
}

// nixBundles returns the bundles in the store of Nix that are at known paths or that
// variables name.
func (e *edit) nixBundles() []string {
	files, err := e.bundleFiles()
	if err != nil {
		return nil // said by the store that looks after the bundles
	}
	for _, n := range e.namers() {
		if real, err := e.root.Resolve(n.path); err == nil && !n.dir && !slices.Contains(files, real) {
			files = append(files, real)
		}
	}
	return slices.DeleteFunc(files, func(name string) bool { return !isNix(name) || !e.isPEM(name) })
}

func (s bundledStore) name() string { return s.id }

func (s bundledStore) used(e *edit) bool { return len(s.found(e)) > 0 }

func (s bundledStore) install(e *edit, want []wanted) error {
	var all []namer
	for _, name := range s.found(e) {
		all = append(all, namer{by: s.id, path: "/" + name})
	}
	return e.extendNamed(s.id, all, want)
}

func (s bundledStore) remove(e *edit, gone map[certs.Fingerprint]bool) error {
	return e.shrinkAll(s.id, e.bundle, gone)
}

// found returns the files that no other store edits, each real file once.
func (s bundledStore) found(e *edit) []string {
	bundles, err := e.bundleFiles()
	if err != nil {
		return nil // said by the store that looks after the bundles
	}
	var files []string
	for _, name := range s.files(e) {
		real, err := e.root.Resolve(name)
		if err == nil && leadsToFile(e.root, real) && !slices.Contains(bundles, real) && !slices.Contains(files, real) {
			files = append(files, real)
		}
	}
	slices.Sort(files)
	return files
}

// pythonFiles returns every copy of certifi's file, and the files of packages that have
// their own.
func pythonFiles(e *edit) []string {
	files := e.search().PythonFiles()
	for _, file := range []string{
		"certifi/cacert.pem",              // requests, httpx and most others
		"pip/_vendor/certifi/cacert.pem",  // pip before 24.2
		"httplib2/cacerts.txt",            // Google's older libraries
		"stripe/data/ca-certificates.crt", // Stripe
	} {
		files = append(files, e.search().Module(file)...)
	}
	return files
}

// rubyFiles returns the bundles in gems.
func rubyFiles(e *edit) []string {
	var files []string
	for _, gems := range []string{"var/lib/gems/*/gems", "usr/local/bundle/gems", "usr/local/bundle/ruby/*/gems", "usr/lib/ruby/gems/*/gems", "usr/local/lib/ruby/gems/*/gems", "usr/share/gems/gems", "app/vendor/bundle/ruby/*/gems"} {
		for _, file := range []string{"aws-sdk-core-*/ca-bundle.crt", "httpclient-*/lib/httpclient/cacert.pem", "excon-*/data/cacert.pem", "stripe-*/lib/data/ca-certificates.crt", "grpc-*/etc/roots.pem", "certifi-*/vendor/cacert.pem"} {
			files = append(files, e.search().Glob(gems+"/"+file)...)
		}
	}
	return files
}

// composerFiles returns the fallback bundle of Composer's library.
func composerFiles(e *edit) []string {
	return e.search().Glob("app/vendor/composer/ca-bundle/res/cacert.pem", "var/www/*/vendor/composer/ca-bundle/res/cacert.pem", "var/www/vendor/composer/ca-bundle/res/cacert.pem",
		"srv/vendor/composer/ca-bundle/res/cacert.pem", "root/.composer/vendor/composer/ca-bundle/res/cacert.pem", "root/.config/composer/vendor/composer/ca-bundle/res/cacert.pem")
}

// phpFiles returns the files that openssl.cafile and curl.cainfo in PHP's configuration
// name.
func phpFiles(e *edit) []string {
	var files []string
	scanned := e.search().Glob(dirsOf(e.opt.Environ["PHP_INI_SCAN_DIR"], "/*.ini")...)
	for _, ini := range append(scanned, e.search().Glob("etc/php.ini", "etc/php.d/*.ini", "etc/php/*/*/php.ini", "etc/php/*/*/conf.d/*.ini", "etc/php[0-9]*/php.ini", "etc/php[0-9]*/conf.d/*.ini", "usr/local/etc/php/php.ini", "usr/local/etc/php/conf.d/*.ini")...) {
		data, err := e.root.ReadFile(ini)
		if err != nil {
			continue // PHP does not obey a file that it cannot read
		}
		for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
			key, value, ok := strings.Cut(lines.Text(), "=")
			if key = strings.TrimSpace(key); ok && (key == "openssl.cafile" || key == "curl.cainfo") {
				files = append(files, strings.Trim(strings.TrimSpace(value), `"'`))
			}
		}
	}
	return slices.DeleteFunc(files, func(name string) bool { return !strings.HasPrefix(name, "/") })
}

// dirsOf returns the directories of a list in a variable, each followed by rest.
func dirsOf(list, rest string) []string {
	var dirs []string
	for dir := range strings.SplitSeq(list, ":") {
		if strings.HasPrefix(dir, "/") && !strings.ContainsAny(dir, `*?[\`) && path.Clean(dir) != "/" {
			dirs = append(dirs, path.Clean(dir)[1:]+rest)
		}
	}
	return dirs
}
