package installer

import (
	"bufio"
	"bytes"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
)

// bundledStore is the CAs that the packages of a language carry with them and
// trust in place of the system's. An upgrade of the package brings its own file
// back, so they are edited only when asked for by name.
type bundledStore struct {
	id    string
	files func(f *finder) []string
}

var (
	pythonStore   = bundledStore{"python", pythonFiles}
	rubyStore     = bundledStore{"ruby", rubyFiles}
	condaStore    = bundledStore{"conda", condaFiles}
	composerStore = bundledStore{"composer", composerFiles}
	phpStore      = bundledStore{"php", phpFiles} // what php.ini names is the administrator's, and stays
)

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

// found returns the files that no other store has seen to, each real file once.
func (s bundledStore) found(e *edit) []string {
	f, err := e.newFinder()
	if err != nil {
		return nil // said by the store that looks after the bundles
	}
	var files []string
	for _, name := range s.files(f) {
		real, err := e.root.Resolve(name)
		if err == nil && leadsToFile(e.root, real) && !slices.Contains(f.bundles, real) && !slices.Contains(files, real) {
			files = append(files, real)
		}
	}
	slices.Sort(files)
	return files
}

// pythonFiles returns certifi's file in every copy, and those of packages that
// have one of their own.
func pythonFiles(f *finder) []string {
	files := append(botocore(f), grpc(f)...)
	for _, file := range []string{
		"certifi/cacert.pem",              // requests, httpx and most others
		"pip/_vendor/certifi/cacert.pem",  // pip before 24.2
		"httplib2/cacerts.txt",            // Google's older libraries
		"stripe/data/ca-certificates.crt", // Stripe
	} {
		files = append(files, module(file)(f)...)
	}
	return files
}

// rubyFiles returns the files of gems that carry one.
func rubyFiles(f *finder) []string {
	var files []string
	for _, gems := range []string{"var/lib/gems/*/gems", "usr/local/bundle/gems", "usr/local/bundle/ruby/*/gems", "usr/lib/ruby/gems/*/gems", "usr/local/lib/ruby/gems/*/gems", "usr/share/gems/gems", "app/vendor/bundle/ruby/*/gems"} {
		for _, file := range []string{"aws-sdk-core-*/ca-bundle.crt", "httpclient-*/lib/httpclient/cacert.pem", "excon-*/data/cacert.pem", "stripe-*/lib/data/ca-certificates.crt", "grpc-*/etc/roots.pem", "certifi-*/vendor/cacert.pem"} {
			files = append(files, f.glob(gems+"/"+file)...)
		}
	}
	return files
}

// composerFiles returns the file that Composer's library falls back to.
func composerFiles(f *finder) []string {
	return f.glob("app/vendor/composer/ca-bundle/res/cacert.pem", "var/www/*/vendor/composer/ca-bundle/res/cacert.pem", "var/www/vendor/composer/ca-bundle/res/cacert.pem",
		"srv/vendor/composer/ca-bundle/res/cacert.pem", "root/.composer/vendor/composer/ca-bundle/res/cacert.pem", "root/.config/composer/vendor/composer/ca-bundle/res/cacert.pem")
}

// phpFiles returns what openssl.cafile and curl.cainfo in PHP's configuration
// name.
func phpFiles(f *finder) []string {
	var files []string
	scanned := f.glob(dirsOf(f.opt.Environ["PHP_INI_SCAN_DIR"], "/*.ini")...)
	for _, ini := range append(scanned, f.glob("etc/php.ini", "etc/php.d/*.ini", "etc/php/*/*/php.ini", "etc/php/*/*/conf.d/*.ini", "etc/php[0-9]*/php.ini", "etc/php[0-9]*/conf.d/*.ini", "usr/local/etc/php/php.ini", "usr/local/etc/php/conf.d/*.ini")...) {
		data, err := f.root.ReadFile(ini)
		if err != nil {
			continue // what PHP cannot read it does not obey
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
