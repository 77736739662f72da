package readers

import (
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/internal/settings"
)

// Places of the stores, as distributions configure their programs.
var (
	bundles     = []string{"etc/ssl/certs/ca-certificates.crt", "etc/pki/tls/certs/ca-bundle.crt", "etc/ssl/ca-bundle.pem", "etc/pki/tls/cacert.pem", "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "etc/ssl/cert.pem"}
	directories = []string{"etc/ssl/certs", "etc/pki/tls/certs"}
	openSSLDirs = []string{"usr/lib/ssl/certs", "etc/pki/tls/certs", "etc/ssl/certs"}
	openSSLFile = []string{"usr/lib/ssl/cert.pem", "etc/pki/tls/cert.pem", "etc/ssl/cert.pem"}
)

// where is the path of a reader, and the variables of its environment.
type where struct {
	path    string // without the first slash
	environ map[string]string
}

// fixed are places that do not depend on path or variables.
func fixed(places ...place) func(where) []place {
	return func(where) []place { return places }
}

// openSSLPlaces are the places that X509_STORE_set_default_paths reads.
var openSSLPlaces = []place{
	{variables: []*Variable{sslCertFile}, paths: openSSLFile, read: wholeFile},
	{variables: []*Variable{sslCertDir}, paths: openSSLDirs, read: hashLinks},
}

// The places of other families. Real clients read these in a Debian root. Paths of
// other distributions are from the lists in their sources.
var (
	gnuTLSPlaces = []place{{paths: bundles[:1], read: gnuTLSFile}} // elsewhere GnuTLS asks p11-kit
	goPlaces     = []place{
		{variables: []*Variable{sslCertFile}, paths: bundles, read: eachBlock},
		{variables: []*Variable{sslCertDir}, paths: directories, read: every(eachBlock)},
	}
	curlPlaces = []place{
		{variables: []*Variable{curlCABundle, sslCertFile}, paths: bundles, read: wholeFile, must: true},
		{variables: []*Variable{sslCertDir}, paths: directories, read: hashLinks},
	}
	wgetPlaces = []place{{paths: directories[:1], read: every(gnuTLSFile)}}
	gitPlaces  = []place{
		{variables: []*Variable{gitSSLCAInfo}, paths: bundles[:1], read: gnuTLSFile, must: true},
		{variables: []*Variable{gitSSLCAPath}, paths: directories[:1], read: every(gnuTLSFile)},
	}
	rustlsPlaces = []place{{variables: []*Variable{sslCertFile}, paths: bundles, read: rustFile, must: true}} // rustls-native-certs 0.6
	bunPlaces    = []place{
		builtIn,
		{variables: []*Variable{nodeExtraCACerts}, read: wholeFile},
		{variables: []*Variable{sslCertFile}, paths: []string{"etc/ssl/cert.pem"}, read: wholeFile},
		{variables: []*Variable{sslCertDir}, paths: []string{"etc/ssl/certs"}, read: eitherHash},
	}
	erlangPlaces = []place{{variables: []*Variable{erlAFlags}, paths: bundles, read: erlangFile}}
	pgjdbcPlaces = []place{{paths: []string{"root/.postgresql/root.crt"}, read: javaFile, must: true}}
	builtIn      = place{own: true}
	nodeExtra    = place{variables: []*Variable{nodeExtraCACerts}, read: untilDamage}
)

// libpqPlaces are the file that sslrootcert names. From 16 on, system means the
// places of OpenSSL; the last number of the library is the release.
func libpqPlaces(at where) []place {
	_, release, _ := strings.Cut(path.Base(at.path), ".so.5.")
	if at.environ[pgSSLRootCert.Name] == "system" && (release == "" || !older(release, "16")) {
		return openSSLPlaces
	}
	return []place{{variables: []*Variable{pgSSLRootCert}, read: wholeFile}}
}

// nodePlaces are the places of the official builds, which have roots of their own.
// They read the system's roots if a variable says so.
func nodePlaces(at where) []place {
	if options := at.environ["NODE_OPTIONS"]; at.environ["NODE_USE_SYSTEM_CA"] == "1" || strings.Contains(options, "-ca") {
		return []place{
			nodeExtra, builtIn,
			{variables: []*Variable{sslCertFile}, paths: []string{"etc/ssl/cert.pem"}, read: wholeFile},
			{variables: []*Variable{sslCertDir}, paths: []string{"etc/ssl/certs"}, read: hashLinks},
		}
	}
	return []place{nodeExtra, builtIn}
}

// denoPlaces are Deno's own roots, and the system's roots if a variable says so.
func denoPlaces(at where) []place {
	places := []place{{variables: []*Variable{denoCert, nodeExtraCACerts}, read: eachBlock}, builtIn}
	if strings.Contains(at.environ["DENO_TLS_CA_STORE"], "system") {
		places = append(places, place{paths: bundles, read: eachBlock})
	}
	return places
}

// certifi are the roots of the module certifi beside another module, else the
// bundle. Distributions link certifi to the bundle.
func certifi(at where) []string {
	return append([]string{path.Join(path.Dir(at.path), "certifi/cacert.pem")}, bundles...)
}

func requestsPlaces(at where) []place {
	return []place{{variables: []*Variable{requestsCABundle, curlCABundle}, paths: certifi(at), read: wholeFile, must: true}}
}

// httpxPlaces are a file or directory that a variable names, and replaces all
// other roots.
func httpxPlaces(at where) []place {
	if at.environ["SSL_CERT_FILE"] == "" && at.environ["SSL_CERT_DIR"] != "" {
		return []place{{variables: []*Variable{sslCertDir}, read: hashLinks}}
	}
	return []place{{variables: []*Variable{sslCertFile}, paths: certifi(at), read: wholeFile, must: true}}
}

// javaPlaces are the trust stores of a runtime. An option can name one; if that is
// missing, the runtime trusts no CA. Without the option it reads jssecacerts, or
// cacerts if jssecacerts does not exist.
func javaPlaces(at where) []place {
	for _, variable := range slices.Backward(settings.JavaVariables) {
		if name, password := settings.Java(at.environ[variable]); name != "" {
			return []place{{paths: unrooted([]string{name}), read: javaStoreWith(password), must: true}}
		}
	}
	dir := path.Join(at.path, "lib/security")
	return []place{{variables: []*Variable{javaToolOptions}, paths: []string{path.Join(dir, "jssecacerts"), path.Join(dir, "cacerts")}, read: javaStore}}
}
