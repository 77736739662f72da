package readers

import (
	"slices"
	"strings"

	"github.com/certgraft/certgraft/internal/settings"
	"github.com/certgraft/certgraft/keystore"
)

// Variable is an environment variable that tells programs whom to trust.
type Variable struct {
	Name    string
	Runtime string // the programs that read it
	Value   string // with the paths of [Paths] in braces
	Adds    bool   // to the roots that the programs have, rather than replacing them
	Joined  string // between the value that is there and ours, where both count; else there is one value, a path
	Strict  bool   // programs that did not look at certificates begin to: only where that is wanted
	Kept    bool   // no command sets it, or edits a file that it names
}

// What a value is, where it is nothing but a path.
const (
	aBundle    = "{bundle}"
	aDirectory = "{directory}"
)

// included stands between values of which the later one counts: its file
// includes the file of the one before.
const included = "\x00"

// The variables that readers of [table] and [others] read: see their places.
var (
	sslCertFile      = &Variable{Name: "SSL_CERT_FILE", Runtime: "OpenSSL and programs that use it, Go, .NET, uv", Value: aBundle}
	sslCertDir       = &Variable{Name: "SSL_CERT_DIR", Runtime: "OpenSSL and programs that use it, Go, .NET", Value: aDirectory, Joined: ":"}
	nodeExtraCACerts = &Variable{Name: "NODE_EXTRA_CA_CERTS", Runtime: "Node, Deno, Bun", Value: aBundle, Adds: true}
	denoCert         = &Variable{Name: "DENO_CERT", Runtime: "Deno", Value: aBundle, Adds: true}
	requestsCABundle = &Variable{Name: "REQUESTS_CA_BUNDLE", Runtime: "Python's requests", Value: aBundle}
	curlCABundle     = &Variable{Name: "CURL_CA_BUNDLE", Runtime: "curl, Python's requests", Value: aBundle}
	awsCABundle      = &Variable{Name: "AWS_CA_BUNDLE", Runtime: "the AWS command line and botocore", Value: aBundle}
	pipCert          = &Variable{Name: "PIP_CERT", Runtime: "pip", Value: aBundle}
	httplib2CACerts  = &Variable{Name: "HTTPLIB2_CA_CERTS", Runtime: "Python's httplib2", Value: aBundle}
	gitSSLCAInfo     = &Variable{Name: "GIT_SSL_CAINFO", Runtime: "git", Value: aBundle}
	gitSSLCAPath     = &Variable{Name: "GIT_SSL_CAPATH", Runtime: "git of Debian", Value: aDirectory, Kept: true}
	grpcRoots        = &Variable{Name: "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", Runtime: "gRPC in C++, Python, Ruby, PHP", Value: aBundle}
	javaToolOptions  = &Variable{Name: "JAVA_TOOL_OPTIONS", Runtime: "Java", Value: javaOptions, Joined: " "}
	perlLWPCAFile    = &Variable{Name: "PERL_LWP_SSL_CA_FILE", Runtime: "Perl's LWP", Value: aBundle}
	erlAFlags        = &Variable{Name: "ERL_AFLAGS", Runtime: "Erlang and Elixir", Value: `-public_key cacerts_path '"{bundle}"'`, Joined: " "}
	cloudSDKCACerts  = &Variable{Name: "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", Runtime: "gcloud", Value: aBundle}
	pgSSLRootCert    = &Variable{Name: "PGSSLROOTCERT", Runtime: "libpq", Value: aBundle, Strict: true}
)

// variables is every variable that this program knows: what env prints, what run
// sets, what advice names, and whose files install extends. Programs that no row of
// [table] or [others] stands for read the others.
var variables = []*Variable{
	sslCertFile, sslCertDir, nodeExtraCACerts, denoCert, requestsCABundle, curlCABundle, awsCABundle, pipCert, httplib2CACerts, gitSSLCAInfo, gitSSLCAPath, grpcRoots, javaToolOptions,
	{Name: "CARGO_HTTP_CAINFO", Runtime: "cargo", Value: aBundle},
	{Name: "npm_config_cafile", Runtime: "npm, pnpm, Yarn 1", Value: aBundle},
	{Name: "YARN_HTTPS_CA_FILE_PATH", Runtime: "Yarn from 3 on", Value: aBundle},
	{Name: "BUNDLE_SSL_CA_CERT", Runtime: "Ruby's bundler", Value: aBundle},
	{Name: "COMPOSER_CAFILE", Runtime: "PHP's composer", Value: aBundle},
	{Name: "PHP_INI_SCAN_DIR", Runtime: "PHP", Value: ":{php}", Joined: ":"},
	perlLWPCAFile, erlAFlags,
	{Name: "HEX_CACERTS_PATH", Runtime: "Elixir's hex", Value: aBundle},
	{Name: "SYSTEM_CERTIFICATE_PATH", Runtime: "Haskell", Value: aBundle},
	cloudSDKCACerts,
	{Name: "NIX_SSL_CERT_FILE", Runtime: "Nix and what it built", Value: aBundle},
	{Name: "APT_CONFIG", Runtime: "apt", Value: "{apt}", Joined: included},
	{Name: "WGETRC", Runtime: "wget", Value: "{wget}", Joined: included},
	pgSSLRootCert,
}

// Variables returns every variable that is known, in the order in which they are
// written.
func Variables() []*Variable { return variables }

// javaOptions are the options of a Java runtime. They say all there is to say,
// so that they take the place of any that stand before them.
const javaOptions = "-Djavax.net.ssl.trustStore={keystore} -Djavax.net.ssl.trustStoreType=JKS -Djavax.net.ssl.trustStorePassword=" + keystore.DefaultPassword

// JavaOptions returns the options that have a Java runtime use a trust store.
func JavaOptions(keystore string) string {
	return strings.ReplaceAll(javaOptions, "{keystore}", javaQuoted(keystore))
}

// Paths are what the values of variables are made of. Variables that need one that is
// "" are left out.
type Paths struct {
	Bundle    string // a file of certificates
	Directory string // a directory of certificates with hash links
	Keystore  string // a Java trust store
	APT       string // a configuration file
	PHP       string // a directory of configuration files
	Wget      string // a configuration file
}

// Setting is a variable with a value.
type Setting struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Runtime string `json:"runtime"` // the programs that read it
	Adds    bool   `json:"adds"`    // to the roots that they have, rather than replacing them
}

// Settings returns the variables that make every program use the files at the paths. In
// environ are those that are set: one that holds a list keeps what is in it. One that
// names a file is overwritten, so the file at its path must hold what that file does:
// see [NamedFiles].
func Settings(at Paths, environ map[string]string) []Setting {
	var all []Setting
	for _, v := range variables {
		value := v.At(at)
		switch old := environ[v.Name]; {
		case value == "":
			continue
		case v.Strict && (old == "system" || old == "" && !strings.HasPrefix(environ["PGSSLMODE"], "verify-")):
			continue // OpenSSL's own, which other variables see to
		}
		all = append(all, v.With(v.Join(environ[v.Name], value)))
	}
	return all
}

// NamedFiles returns the files, or directories, of certificates that variables
// in environ name, by variable.
func NamedFiles(environ map[string]string) map[string]string {
	named := map[string]string{}
	for _, v := range variables {
		if value := environ[v.Name]; !v.Kept && v.Joined == "" && value != "" && (!v.Strict || value != "system") {
			named[v.Name] = value
		}
	}
	return named
}

// NamesDirectory reports whether the variable names directories of hash links.
func (v *Variable) NamesDirectory() bool { return v.Value == aDirectory }

// Files returns the files, or directories, of certificates that a value names.
func (v *Variable) Files(value string) []string {
	isEmpty := func(name string) bool { return name == "" }
	switch {
	case value == "" || v.Strict && value == "system":
		return nil
	case v.Value == aBundle, v.NamesDirectory() && v.Joined == "":
		return []string{value}
	case v.NamesDirectory():
		return slices.DeleteFunc(strings.Split(value, v.Joined), isEmpty)
	case v == erlAFlags:
		return slices.DeleteFunc([]string{settings.Erlang(value)}, isEmpty)
	}
	return nil
}

// With returns the variable with a value.
func (v *Variable) With(value string) Setting {
	return Setting{Name: v.Name, Value: value, Runtime: v.Runtime, Adds: v.Adds}
}

// At fills the paths into the value; "" if one is missing, or the variable is kept.
func (v *Variable) At(p Paths) string {
	if v.Kept {
		return ""
	}
	for name, path := range map[string]string{
		aBundle: p.Bundle, aDirectory: p.Directory, "{keystore}": javaQuoted(p.Keystore), "{apt}": p.APT, "{php}": p.PHP, "{wget}": p.Wget,
	} {
		if !strings.Contains(v.Value, name) {
			continue
		}
		if path == "" {
			return ""
		}
		return strings.ReplaceAll(v.Value, name, path)
	}
	return v.Value
}

// Join returns a value that says what old says and then value.
func (v *Variable) Join(old, value string) string {
	switch {
	case old == "" || v.Joined == "" || v.Joined == included:
		return value
	case strings.HasSuffix(old, value):
		return old
	}
	return old + v.Joined + strings.TrimPrefix(value, v.Joined)
}

// javaQuoted quotes a path as JAVA_TOOL_OPTIONS needs it, which is split at white
// space.
func javaQuoted(path string) string {
	if strings.ContainsAny(path, " \t'") {
		return `"` + path + `"`
	}
	return path
}
