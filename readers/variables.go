package readers

import (
	"slices"
	"strings"

	"github.com/certgraft/certgraft/internal/settings"
	"github.com/certgraft/certgraft/keystore"
)

// Variable is an environment variable that names CAs for programs.
type Variable struct {
	Name    string
	Runtime string // the programs that read it
	Value   string // with names of [Paths] in braces
	Adds    bool   // it adds to the roots of the programs, and does not replace them
	Joined  string // separator between the old value and ours if both count; "" if the value is one path
	Strict  bool   // programs begin to verify servers because of it, so only a user sets it
	Kept    bool   // no command sets it or edits the file that it names
}

// Values that are only a path.
const (
	aBundle    = "{bundle}"
	aDirectory = "{directory}"
)

// included separates values of which only the last counts. The last file includes
// the earlier one.
const included = "\x00"

// The variables of the readers in [table] and [others]: see their places.
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

// variables is every known variable. Commands print them (env), set them (run), name
// them in advice, and extend their files (install). Variables without a name above
// belong to programs outside [table] and [others].
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

// Variables returns every known variable, in the order of the output.
func Variables() []*Variable { return variables }

// javaOptions are the options of a Java runtime. They are complete, so that they
// override all earlier options.
const javaOptions = "-Djavax.net.ssl.trustStore={keystore} -Djavax.net.ssl.trustStoreType=JKS -Djavax.net.ssl.trustStorePassword=" + keystore.DefaultPassword

// JavaOptions returns the options by which a Java runtime uses a trust store.
func JavaOptions(keystore string) string {
	return strings.ReplaceAll(javaOptions, "{keystore}", javaQuoted(keystore))
}

// Paths are the paths for the values of variables. A variable whose path is "" is
// left out.
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
	Adds    bool   `json:"adds"`    // it adds to the roots of the programs, and does not replace them
}

// Settings returns the variables by which every program uses the files of at.
// environ is the present environment. A variable with a list keeps its old
// entries. A variable with one file is overwritten, so the new file must contain
// the old one: see [NamedFiles].
func Settings(at Paths, environ map[string]string) []Setting {
	var all []Setting
	for _, v := range variables {
		value := v.At(at)
		switch old := environ[v.Name]; {
		case value == "":
			continue
		case v.Strict && (old == "system" || old == "" && !strings.HasPrefix(environ["PGSSLMODE"], "verify-")):
			continue // other variables replace this one of OpenSSL
		}
		all = append(all, v.With(v.Join(environ[v.Name], value)))
	}
	return all
}

// NamedFiles returns the files or directories of certificates that variables in
// environ name, by variable.
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

// Files returns the files or directories of certificates that a value names.
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

// At fills the paths into the value. It returns "" if a path is missing or the
// variable is Kept.
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

// Join returns a value with the effect of old and then of value.
func (v *Variable) Join(old, value string) string {
	switch {
	case old == "" || v.Joined == "" || v.Joined == included:
		return value
	case strings.HasSuffix(old, value):
		return old
	}
	return old + v.Joined + strings.TrimPrefix(value, v.Joined)
}

// javaQuoted quotes a path for JAVA_TOOL_OPTIONS, which Java splits at white
// space.
func javaQuoted(path string) string {
	if strings.ContainsAny(path, " \t'") {
		return `"` + path + `"`
	}
	return path
}
