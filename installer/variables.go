package installer

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/settings"
	"github.com/certgraft/certgraft/keystore"
)

// Environment is the variables that make the programs in a root use its stores.
type Environment struct {
	Bundle    string     `json:"bundle"` // "" if the root has none
	Variables []Variable `json:"variables"`
	LeftOut   []LeftOut  `json:"leftOut"`

	Databases []DatabaseState `json:"databases"` // of NSS, which no variable reaches
	Browsers  []BrowserState  `json:"browsers"`  // which no variable reaches either
}

// LeftOut is a variable that would do harm, and why.
type LeftOut struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Environ returns the variables that make sense in a root with what is in it,
// or with all every one that can be set there. Left out are those that would
// hide roots that are trusted without them, and those that are set already:
// opt.Environ has the environment of the programs in the root, where it is known.
func Environ(root fs.ReadLinkFS, opt Options, all bool) (*Environment, error) {
	e, err := lookAt(root, opt)
	if err != nil {
		return nil, err
	}
	out := &Environment{Bundle: e.bundleName(), Variables: []Variable{}, LeftOut: []LeftOut{}, Databases: Databases(e.root), Browsers: e.browsers()}
	if out.Bundle == "" {
		return out, nil
	}
	useful, places := e.useful(), e.places()
	for _, v := range variables {
		value := v.at(places)
		if value == "" || !all && !slices.Contains(useful, v.name) {
			continue
		}
		if reason := e.harm(v, value, places, all); reason != "" {
			out.LeftOut = append(out.LeftOut, LeftOut{v.name, reason})
			continue
		}
		out.Variables = append(out.Variables, v.with(v.join(opt.Environ[v.name], value)))
	}
	return out, nil
}

// harm says why a variable is not to be set.
func (e *edit) harm(v variable, value string, places Places, all bool) string {
	old := e.opt.Environ[v.name]
	switch {
	case old != "" && old != value && v.joined == "":
		return fmt.Sprintf("it is set to %s: certgraft install extends the file that it names, or unset it", old)
	case v.strict && !all:
		return fmt.Sprintf("connections that do not look at the server's certificate would begin to; say sslrootcert=%s in those that do", value)
	case v.adds:
		return ""
	case v.name == "JAVA_TOOL_OPTIONS":
		return e.hides(places.Keystore, e.keystoreHolds(places.Keystore))
	}
	return e.hides(places.Bundle, e.bundleHolds(places.Bundle))
}

// hides says that a file has not the public roots that a runtime would lose.
func (e *edit) hides(name string, held *certs.Set) string {
	if isPublic(held) {
		return ""
	}
	holds := fmt.Sprintf("%d certificates", held.Len())
	if held.Len() == 1 {
		holds = "1 certificate"
	}
	return fmt.Sprintf("it would hide the public CAs: %s holds %s and not those; certgraft install %s adds them", name, holds, mozillaSource)
}

// places returns what a root has that variables can name.
func (e *edit) places() Places {
	p := Places{Bundle: e.bundleName()}
	if e.certDirLinks("").hasAny() {
		p.Directory = "/" + certDir
	}
	for _, name := range keystorePaths {
		if leadsToFile(e.root, name) {
			p.Keystore = "/" + name
			break
		}
	}
	return p
}

// Variable is an environment variable that tells programs whom to trust.
type Variable struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Runtime string `json:"runtime"` // the programs that read it
	Adds    bool   `json:"adds"`    // to the roots that they have, rather than replacing them
}

// Places are the paths that the values of variables are made of. Variables that
// need one that is "" are left out.
type Places struct {
	Bundle    string // a file of certificates
	Directory string // a directory of certificates with hash links
	Keystore  string // a Java trust store
	APT       string // a configuration file
	PHP       string // a directory of configuration files
	Wget      string // a configuration file
}

// javaOptions are the options of a Java runtime. They say all there is to say,
// so that they take the place of any that stand before them.
const javaOptions = "-Djavax.net.ssl.trustStore={keystore} -Djavax.net.ssl.trustStoreType=JKS -Djavax.net.ssl.trustStorePassword=" + keystore.DefaultPassword

// JavaOptions returns the options that have a Java runtime use a trust store.
func JavaOptions(keystore string) string {
	return strings.ReplaceAll(javaOptions, "{keystore}", javaQuoted(keystore))
}

// variable is a row of the table of variables.
type variable struct {
	name    string
	runtime string // who reads it
	value   string // places are in braces
	adds    bool   // to the roots that the runtime has

	joined string // between the value that is there and ours, where both count; else there is one value, a path
	strict bool   // what did not look at certificates begins to: only where that is wanted
}

// variables is every variable that this program knows: what env prints, what run
// sets, what advice names, and whose files install extends, see [envStore].
var variables = []variable{
	{name: "SSL_CERT_FILE", runtime: "OpenSSL and what is built on it, Go, .NET, uv", value: "{bundle}"},
	{name: "SSL_CERT_DIR", runtime: "OpenSSL and what is built on it, Go, .NET", value: "{directory}", joined: ":"},
	{name: "NODE_EXTRA_CA_CERTS", runtime: "Node, Deno, Bun", value: "{bundle}", adds: true},
	{name: "DENO_CERT", runtime: "Deno", value: "{bundle}", adds: true},
	{name: "REQUESTS_CA_BUNDLE", runtime: "Python's requests", value: "{bundle}"},
	{name: "CURL_CA_BUNDLE", runtime: "curl, Python's requests", value: "{bundle}"},
	{name: "AWS_CA_BUNDLE", runtime: "the AWS command line and botocore", value: "{bundle}"},
	{name: "PIP_CERT", runtime: "pip", value: "{bundle}"},
	{name: "HTTPLIB2_CA_CERTS", runtime: "Python's httplib2", value: "{bundle}"},
	{name: "GIT_SSL_CAINFO", runtime: "git", value: "{bundle}"},
	{name: "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", runtime: "gRPC in C++, Python, Ruby, PHP", value: "{bundle}"},
	{name: "JAVA_TOOL_OPTIONS", runtime: "Java", value: javaOptions, joined: " "},
	{name: "CARGO_HTTP_CAINFO", runtime: "cargo", value: "{bundle}"},
	{name: "npm_config_cafile", runtime: "npm, pnpm, Yarn 1", value: "{bundle}"},
	{name: "YARN_HTTPS_CA_FILE_PATH", runtime: "Yarn from 3 on", value: "{bundle}"},
	{name: "BUNDLE_SSL_CA_CERT", runtime: "Ruby's bundler", value: "{bundle}"},
	{name: "COMPOSER_CAFILE", runtime: "PHP's composer", value: "{bundle}"},
	{name: "PHP_INI_SCAN_DIR", runtime: "PHP", value: ":{php}", joined: ":"},
	{name: "PERL_LWP_SSL_CA_FILE", runtime: "Perl's LWP", value: "{bundle}"},
	{name: "ERL_AFLAGS", runtime: "Erlang and Elixir", value: `-public_key cacerts_path '"{bundle}"'`, joined: " "},
	{name: "HEX_CACERTS_PATH", runtime: "Elixir's hex", value: "{bundle}"},
	{name: "SYSTEM_CERTIFICATE_PATH", runtime: "Haskell", value: "{bundle}"},
	{name: "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", runtime: "gcloud", value: "{bundle}"},
	{name: "NIX_SSL_CERT_FILE", runtime: "Nix and what it built", value: "{bundle}"},
	{name: "APT_CONFIG", runtime: "apt", value: "{apt}", joined: "\x00"}, // the file includes the one before
	{name: "WGETRC", runtime: "wget", value: "{wget}", joined: "\x00"},
	{name: "PGSSLROOTCERT", runtime: "libpq", value: "{bundle}", strict: true},
}

// Variables returns the variables that make every program use what is at
// places. In environ are those that are set: one that holds a list keeps what is
// in it. One that names a file is overwritten, so what is at places has to hold
// what the file does: see [NamedFiles].
func Variables(at Places, environ map[string]string) []Variable {
	var all []Variable
	for _, v := range variables {
		value := v.at(at)
		switch old := environ[v.name]; {
		case value == "":
			continue
		case v.strict && (old == "system" || old == "" && !strings.HasPrefix(environ["PGSSLMODE"], "verify-")):
			continue // OpenSSL's own, which other variables see to
		}
		all = append(all, v.with(v.join(environ[v.name], value)))
	}
	return all
}

// NamedFiles returns the files, or directories, of certificates that variables
// in environ name, by variable.
func NamedFiles(environ map[string]string) map[string]string {
	named := map[string]string{}
	for _, v := range variables {
		if value := environ[v.name]; v.joined == "" && value != "" && (!v.strict || value != "system") {
			named[v.name] = value
		}
	}
	return named
}

// paths are the files, or directories, of certificates in the value of a variable.
func (v variable) paths(value string) []string {
	switch {
	case value == "" || v.strict && value == "system":
		return nil
	case v.value == "{bundle}":
		return []string{value}
	case v.name == "SSL_CERT_DIR":
		return slices.DeleteFunc(strings.Split(value, ":"), func(dir string) bool { return dir == "" })
	case v.name == "ERL_AFLAGS":
		return slices.DeleteFunc([]string{settings.Erlang(value)}, func(file string) bool { return file == "" })
	}
	return nil
}

func (v variable) with(value string) Variable {
	return Variable{Name: v.name, Value: value, Runtime: v.runtime, Adds: v.adds}
}

// at fills the places into the value; "" if one is missing.
func (v variable) at(p Places) string {
	for name, path := range map[string]string{
		"{bundle}": p.Bundle, "{directory}": p.Directory, "{keystore}": javaQuoted(p.Keystore), "{apt}": p.APT, "{php}": p.PHP, "{wget}": p.Wget,
	} {
		if !strings.Contains(v.value, name) {
			continue
		}
		if path == "" {
			return ""
		}
		return strings.ReplaceAll(v.value, name, path)
	}
	return v.value
}

// javaQuoted quotes a path as JAVA_TOOL_OPTIONS needs it, which is split at white
// space.
func javaQuoted(path string) string {
	if strings.ContainsAny(path, " \t'") {
		return `"` + path + `"`
	}
	return path
}

// join returns a value that says what old says and then value.
func (v variable) join(old, value string) string {
	switch {
	case old == "" || v.joined == "" || v.joined == "\x00":
		return value
	case strings.HasSuffix(old, value):
		return old
	}
	return old + v.joined + strings.TrimPrefix(value, v.joined)
}
