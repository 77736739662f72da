package readers

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// others are programs and libraries with roots of their own whose rules no run has
// measured. Only their places are known, and the files that they read.
var others = []row{
	{"uv", "uv", programs("uv"), replaced(sslCertFile), nil},
	{"certifi", "certifi", lonelyCertifi, ownFile(requestsCABundle), nil},
	{"pip", "pip", oldPips, ownFile(pipCert), nil},
	{"botocore", "botocore", rootsOf(botocoreFiles), ownFile(awsCABundle), nil},
	{"httplib2", "httplib2", rootsOf(func(f *finder) []string { return f.module("httplib2/cacerts.txt") }), ownFile(httplib2CACerts), nil},
	{"grpc", "gRPC", rootsOf(grpcFiles), ownFile(grpcRoots), nil},
	{"conda", "Conda", rootsOf(condaFiles), ownFile(sslCertFile), nil},
	{"gcloud", "gcloud", rootsOf(gclouds), replaced(cloudSDKCACerts), nil},
	{"perl", "Perl's Mozilla::CA", rootsOf(mozillaCAs), ownFile(perlLWPCAFile), nil},
}

// Unmeasured returns the readers without measured rules.
func Unmeasured() (all []Reader) {
	for _, r := range others {
		all = append(all, r.reader(""))
	}
	return all
}

// unmeasured returns the row of a reader without measured rules.
func unmeasured(id string) *row {
	return &others[slices.IndexFunc(others, func(r row) bool { return r.id == id })]
}

// ownFile are the places of a reader that is found by its file of roots.
func ownFile(variable *Variable) func(where) []place {
	return func(at where) []place {
		return []place{{variables: []*Variable{variable}, paths: []string{at.path}, read: wholeFile}}
	}
}

// replaced are the places of a reader whose built-in roots a variable replaces.
func replaced(variable *Variable) func(where) []place {
	return func(at where) []place {
		if at.environ[variable.Name] == "" {
			return []place{builtIn}
		}
		return []place{{variables: []*Variable{variable}, read: wholeFile}}
	}
}

// rootsOf finds files of roots. Packages of distributions have a link to the
// system's bundle in their place, which does not count.
func rootsOf(named func(*finder) []string) func(*finder) []found {
	return func(f *finder) (all []found) {
		for _, name := range named(f) {
			if real, err := f.root.Resolve(name); err == nil && !strings.HasPrefix(real, "etc/") && !strings.HasPrefix(real, "var/lib/ca-certificates/") {
				all = append(all, found{path: name})
			}
		}
		return all
	}
}

// module returns a file of a Python module, from each directory with modules.
func (f *finder) module(file string) (names []string) {
	for _, dir := range f.sites() {
		if at := path.Join(dir, file); f.Exists(at) {
			names = append(names, at)
		}
	}
	return names
}

// lonelyCertifi finds the roots of certifi without requests or httpx beside them.
// Those two are readers with a remedy of their own.
func lonelyCertifi(f *finder) []found {
	known := slices.Concat(modules("requests")(f), modules("httpx")(f))
	return slices.DeleteFunc(rootsOf(func(f *finder) []string { return f.module("certifi/cacert.pem") })(f), func(at found) bool {
		site := path.Dir(path.Dir(at.path))
		return slices.ContainsFunc(known, func(k found) bool { return path.Dir(k.path) == site })
	})
}

// oldPips finds the roots of each pip that uses them. pip from 24.2 on uses the
// system's roots, with Python from 3.10 on.
func oldPips(f *finder) []found {
	return rootsOf(func(f *finder) (names []string) {
		for _, name := range f.module("pip/_vendor/certifi/cacert.pem") {
			site := strings.TrimSuffix(name, "/pip/_vendor/certifi/cacert.pem")
			recent := slices.ContainsFunc(f.In(site, "pip-*.dist-info"), func(info string) bool {
				return atLeast(strings.TrimPrefix(path.Base(info), "pip-"), 24, 2)
			})
			if !recent || !atLeast(strings.TrimPrefix(path.Base(path.Dir(site)), "python"), 3, 10) {
				names = append(names, name)
			}
		}
		return names
	})(f)
}

// atLeast compares the first two numbers of a version.
func atLeast(version string, major, minor int) bool {
	first, rest, _ := strings.Cut(version, ".")
	second, _, _ := strings.Cut(rest, ".")
	a, err := strconv.Atoi(first)
	b, _ := strconv.Atoi(second)
	return err == nil && (a > major || a == major && b >= minor)
}

func botocoreFiles(f *finder) []string {
	return append(f.module("botocore/cacert.pem"), f.Match("usr/local/aws-cli/v2/*/dist/awscli/botocore/cacert.pem", "opt/aws-cli/v2/*/dist/awscli/botocore/cacert.pem")...)
}

func grpcFiles(f *finder) []string {
	return append(f.module("grpc/_cython/_credentials/roots.pem"),
		f.Match("usr/local/bundle/gems/grpc-*/etc/roots.pem", "var/lib/gems/*/gems/grpc-*/etc/roots.pem", "usr/local/lib/ruby/gems/*/gems/grpc-*/etc/roots.pem")...)
}

// condaFiles returns the bundle of Conda's OpenSSL, in the installation and in
// each environment.
func condaFiles(f *finder) (names []string) {
	for _, base := range []string{"opt/*conda*", "opt/*mamba*", "opt/miniforge*", "{home}/*conda*", "{home}/miniforge*", "usr/local/*conda*"} {
		names = append(names, f.Match(base+"/ssl/cacert.pem", base+"/envs/*/ssl/cacert.pem")...)
	}
	return names
}

func gclouds(f *finder) []string {
	return f.Match("usr/lib/google-cloud-sdk/bin/gcloud", "google-cloud-sdk/bin/gcloud", "opt/google-cloud-sdk/bin/gcloud", "root/google-cloud-sdk/bin/gcloud")
}

func mozillaCAs(f *finder) []string {
	return f.Match("usr/local/share/perl/*/Mozilla/CA/cacert.pem", "usr/local/lib/perl5/site_perl/*/Mozilla/CA/cacert.pem", "usr/share/perl5/Mozilla/CA/cacert.pem", "usr/share/perl5/vendor_perl/Mozilla/CA/cacert.pem")
}
