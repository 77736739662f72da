package installer

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A runtime is a program, or a library, that has roots of its own and reads none
// of the stores. It is found by its name in the places where such things are
// put; no directory is searched.
type runtime struct {
	name     string
	variable string                  // that makes it use the bundle
	find     func(*finder) []string  // paths, links among them, that may not be there
	file     bool                    // what is found is its file of roots: where that holds what is wanted, all is well
	store    string                  // that edits the file
	use      func(use string) string // what to do; nil is to set the variable
}

// ownRoots is every such runtime.
var ownRoots = []runtime{
	{name: "Node", variable: "NODE_EXTRA_CA_CERTS", find: officialNode, use: or("start it with --use-openssl-ca")},
	{name: "Deno", variable: "DENO_CERT", find: program("deno"), use: or("set DENO_TLS_CA_STORE=mozilla,system")},
	{name: "Bun", variable: "NODE_EXTRA_CA_CERTS", find: lonelyBun},
	{name: "uv", variable: "SSL_CERT_FILE", find: program("uv"), use: or("run it with --native-tls")},
	{name: "certifi", variable: "REQUESTS_CA_BUNDLE", find: module("certifi/cacert.pem"), file: true, store: "python", use: and("SSL_CERT_FILE for httpx")},
	{name: "pip", variable: "PIP_CERT", find: oldPip, file: true, store: "python"},
	{name: "botocore", variable: "AWS_CA_BUNDLE", find: botocore, file: true, store: "python"},
	{name: "httplib2", variable: "HTTPLIB2_CA_CERTS", find: module("httplib2/cacerts.txt"), file: true, store: "python"},
	{name: "gRPC", variable: "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", find: grpc, file: true, store: "python"},
	{name: "Conda", variable: "SSL_CERT_FILE", find: condaFiles, file: true, store: "conda"},
	{name: "gcloud", variable: "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", find: gcloud},
	{name: "Perl's Mozilla::CA", variable: "PERL_LWP_SSL_CA_FILE", find: mozillaCA, file: true},
	{name: "libpq", variable: "PGSSLROOTCERT", find: libpq, use: func(value string) string {
		return fmt.Sprintf("it reads no system bundle by itself: with sslmode=verify-full say sslrootcert=%s, or from version 16 on sslrootcert=system", value)
	}},
}

func or(other string) func(string) string {
	return func(use string) string { return use + ", or " + other }
}

func and(other string) func(string) string {
	return func(use string) string { return use + ", and " + other }
}

// advise names what in the root does not trust what was installed.
func (e *edit) advise(want []wanted) {
	e.adviseRuntimes(want)
	e.tellHooks()
}

// adviseRuntimes names the runtimes in the root that do not trust what was
// installed, and what makes them.
func (e *edit) adviseRuntimes(want []wanted) {
	places := Places{Bundle: e.bundleName()}
	f, err := e.newFinder()
	if err != nil || places.Bundle == "" || len(want) == 0 {
		return
	}
	for _, r := range ownRoots {
		names := f.owned(r)
		if r.file {
			names = slices.DeleteFunc(names, func(name string) bool { return e.fileHolds(name, want) })
		}
		if len(names) == 0 || e.opt.Environ[r.variable] != "" {
			continue
		}
		i := slices.IndexFunc(variables, func(v variable) bool { return v.name == r.variable })
		e.report.Advice = append(e.report.Advice, e.advice(r, variables[i], variables[i].at(places), names))
	}
	e.adviseJava(want)
}

func (e *edit) advice(r runtime, v variable, value string, names []string) Advice {
	a := Advice{Runtime: r.name, Path: "/" + names[0], Variable: v.name, Value: value, Adds: v.adds}
	for _, other := range names[1:] {
		a.Others = append(a.Others, "/"+other)
	}
	a.Do = fmt.Sprintf("set %s=%s", v.name, value)
	if v.strict {
		a.Do = value
	}
	if r.use != nil {
		a.Do = r.use(a.Do)
	}
	if r.store != "" {
		a.Do += fmt.Sprintf(", or edit its file, until the package is upgraded, with certgraft install --stores auto,%s", r.store)
	}
	if !v.adds && !v.strict && !isPublic(e.bundleHolds(value)) {
		a.Do += "; the variable replaces its own roots, and this bundle has not the public CAs: add them with certgraft install --with-mozilla, or those of a file that it is to trust"
	}
	return a
}

// fileHolds reports whether a file of certificates, as this program writes them,
// holds all that is wanted.
func (e *edit) fileHolds(name string, want []wanted) bool {
	data, err := e.root.ReadFile(name)
	return err == nil && !slices.ContainsFunc(want, func(w wanted) bool { return !bytes.Contains(data, w.AppendPEM(nil)) })
}

// adviseJava names the Java trust stores that were left as they are.
func (e *edit) adviseJava(want []wanted) {
	for _, name := range e.keystores() {
		if slices.ContainsFunc(e.report.Stores, func(s StoreReport) bool { return s.Path == "/"+name }) {
			continue
		}
		held := e.keystoreHolds(name)
		if slices.ContainsFunc(want, func(w wanted) bool { return !held.Has(w.Fingerprint()) }) {
			e.report.Advice = append(e.report.Advice, Advice{
				Runtime: "Java", Path: "/" + name,
				Do: "this trust store was left as it is: certgraft install --stores java SOURCE… edits it",
			})
		}
	}
}

// useful returns the variables that runtimes in the root need.
func (e *edit) useful() ([]string, error) {
	f, err := e.newFinder()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range ownRoots {
		if !slices.Contains(names, r.variable) && len(f.owned(r)) > 0 {
			names = append(names, r.variable)
		}
	}
	return names, nil
}

// A finder looks for runtimes in a root. What several are found by is looked up
// once.
type finder struct {
	*edit

	bins    func() []string // directories with programs
	sites   func() []string // directories with Python's modules
	bundles []string        // that the stores see to
}

// lookedInto are the directories in which most of what is looked for would be.
// Once they are listed, what is missing there costs nothing.
var lookedInto = []string{".", "home", "opt", "root", "usr", "usr/lib", "usr/local", "usr/local/lib", "var"}

func (e *edit) newFinder() (*finder, error) {
	for _, dir := range lookedInto {
		_, _ = e.root.ReadDir(dir) // one that is missing has nothing
	}
	bundles, err := e.bundleFiles()
	bins := func() []string { return e.glob(slices.Concat(programDirs, e.searchPath())...) }
	return &finder{edit: e, bins: sync.OnceValue(bins), sites: sync.OnceValue(e.sitePackages), bundles: bundles}, err
}

// owned returns the real paths of a runtime that has roots of its own: a
// distribution's package often has a link to the bundle in their place.
func (f *finder) owned(r runtime) []string {
	var names []string
	for _, name := range r.find(f) {
		real, err := f.root.Resolve(name)
		if err == nil && leadsToFile(f.root, real) && !slices.Contains(f.bundles, real) && !slices.Contains(names, real) {
			names = append(names, real)
		}
	}
	return names
}

// Places of programs.
var programDirs = []string{
	"usr/local/bin", "usr/bin", "bin", ".", "nodejs/bin", "opt/*/bin", "usr/local/*/bin",
	"root/.local/bin", "root/.cargo/bin", "root/.deno/bin", "root/.bun/bin",
	"home/*/.local/bin", "home/*/.cargo/bin", "home/*/.deno/bin", "home/*/.bun/bin",
	"root/.nvm/versions/node/*/bin", "home/*/.nvm/versions/node/*/bin", "usr/local/nvm/versions/node/*/bin",
}

// Places below which Python has its lib directory: the system's, virtual
// environments, pyenv, tools of pipx and uv.
var pythonHomes = []string{
	"usr", "usr/local", "opt/*", "venv", ".venv", "app/venv", "app/.venv", "usr/src/app/venv", "usr/src/app/.venv", "code/.venv", "srv/*/.venv",
	"root/.local", "home/*/.local", "root/.venv", "home/*/.venv", "root/.pyenv/versions/*", "home/*/.pyenv/versions/*", "opt/pyenv/versions/*",
	"root/.local/share/pipx/venvs/*", "opt/pipx/venvs/*", "root/.local/share/uv/tools/*", "root/.local/share/uv/python/*", "var/lang",
}

// sitePackages returns the directories with Python's modules.
func (e *edit) sitePackages() []string {
	homes := pythonHomes
	for _, name := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		if home := e.opt.Environ[name]; strings.HasPrefix(home, "/") && !strings.ContainsAny(home, `*?[\`) && path.Clean(home) != "/" {
			homes = append(slices.Clip(homes), path.Clean(home)[1:])
		}
	}
	var patterns []string
	for _, home := range e.glob(homes...) {
		patterns = append(patterns, home+"/lib/python3*/site-packages", home+"/lib64/python3*/site-packages", home+"/lib/python3*/dist-packages")
	}
	return append(e.glob(patterns...), "var/task", "opt/python") // the last two are those of AWS Lambda
}

// searchPath returns the directories of PATH, as names for io/fs that are no
// patterns.
func (e *edit) searchPath() []string {
	return dirsOf(e.opt.Environ["PATH"], "")
}

// dirsOf returns the directories of a list in a variable, each with rest behind it.
func dirsOf(list, rest string) []string {
	var dirs []string
	for dir := range strings.SplitSeq(list, ":") {
		if strings.HasPrefix(dir, "/") && !strings.ContainsAny(dir, `*?[\`) && path.Clean(dir) != "/" {
			dirs = append(dirs, path.Clean(dir)[1:]+rest)
		}
	}
	return dirs
}

// glob returns the names that match any of the patterns.
func (e *edit) glob(patterns ...string) []string {
	var found []string
	for _, p := range patterns {
		names, err := fs.Glob(e.root, p)
		if err == nil {
			found = append(found, names...)
		}
	}
	return found
}

// program finds the programs of that name.
func program(name string) func(f *finder) []string {
	return func(f *finder) []string {
		var found []string
		for _, dir := range f.bins() {
			found = append(found, path.Join(dir, name))
		}
		return found
	}
}

// module finds a file of a Python module.
func module(file string) func(f *finder) []string {
	return func(f *finder) []string {
		var found []string
		for _, dir := range f.sites() {
			found = append(found, path.Join(dir, file))
		}
		return found
	}
}

// officialNode finds the builds of nodejs.org. Those of distributions read the
// system's bundle: they are in /usr/bin, and have a library beside them or are of
// a family whose own build it is.
func officialNode(f *finder) []string {
	found := program("node")(f)
	family := f.report.Detection.Family
	if family == alpine.id || family == arch.id || family == suse.id ||
		len(f.glob("usr/lib/libnode.so*", "usr/lib64/libnode.so*", "usr/lib/*-linux-gnu*/libnode.so*")) > 0 {
		found = slices.DeleteFunc(found, func(name string) bool { return path.Dir(name) == "usr/bin" || path.Dir(name) == "bin" })
	}
	return found
}

// lonelyBun finds Bun where neither of the places is filled that it reads.
func lonelyBun(f *finder) []string {
	if leadsToFile(f.root, "etc/ssl/cert.pem") || f.certDirLinks("").hasAny() {
		return nil
	}
	return program("bun")(f)
}

// oldPip finds the roots of each pip that uses them: from version 24.2 on it uses
// the system's, with Python from 3.10 on.
func oldPip(f *finder) []string {
	var found []string
	for _, dir := range f.sites() {
		recent := slices.ContainsFunc(f.glob(dir+"/pip-*.dist-info"), func(info string) bool {
			return atLeast(strings.TrimPrefix(path.Base(info), "pip-"), 24, 2)
		})
		python := strings.TrimPrefix(path.Base(path.Dir(dir)), "python")
		if !recent || !atLeast(python, 3, 10) {
			found = append(found, path.Join(dir, "pip/_vendor/certifi/cacert.pem"))
		}
	}
	return found
}

// atLeast compares the first two numbers of a version.
func atLeast(version string, major, minor int) bool {
	first, rest, _ := strings.Cut(version, ".")
	second, _, _ := strings.Cut(rest, ".")
	a, err := strconv.Atoi(first)
	b, _ := strconv.Atoi(second)
	return err == nil && (a > major || a == major && b >= minor)
}

func botocore(f *finder) []string {
	return append(module("botocore/cacert.pem")(f), f.glob("usr/local/aws-cli/v2/*/dist/awscli/botocore/cacert.pem", "opt/aws-cli/v2/*/dist/awscli/botocore/cacert.pem")...)
}

func grpc(f *finder) []string {
	return append(module("grpc/_cython/_credentials/roots.pem")(f),
		f.glob("usr/local/bundle/gems/grpc-*/etc/roots.pem", "var/lib/gems/*/gems/grpc-*/etc/roots.pem", "usr/local/lib/ruby/gems/*/gems/grpc-*/etc/roots.pem")...)
}

// condaFiles returns the bundle that the OpenSSL of Conda reads, of the
// installation and of each environment.
func condaFiles(f *finder) []string {
	var files []string
	for _, base := range []string{"opt/*conda*", "opt/*mamba*", "opt/miniforge*", "root/*conda*", "root/miniforge*", "home/*/*conda*", "home/*/miniforge*", "usr/local/*conda*"} {
		files = append(files, f.glob(base+"/ssl/cacert.pem", base+"/envs/*/ssl/cacert.pem")...)
	}
	return files
}

func gcloud(f *finder) []string {
	return f.glob("usr/lib/google-cloud-sdk/bin/gcloud", "google-cloud-sdk/bin/gcloud", "opt/google-cloud-sdk/bin/gcloud", "root/google-cloud-sdk/bin/gcloud")
}

func mozillaCA(f *finder) []string {
	return f.glob("usr/local/share/perl/*/Mozilla/CA/cacert.pem", "usr/local/lib/perl5/site_perl/*/Mozilla/CA/cacert.pem", "usr/share/perl5/Mozilla/CA/cacert.pem", "usr/share/perl5/vendor_perl/Mozilla/CA/cacert.pem")
}

func libpq(f *finder) []string {
	return f.glob("usr/lib/libpq.so.5", "usr/lib64/libpq.so.5", "usr/lib/*-linux-gnu*/libpq.so.5", "usr/local/lib/libpq.so.5")
}
