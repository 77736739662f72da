package readers

import "strings"

// cures are what makes a reader trust the root that a chain leads to. Each is one that
// a run has shown: see testdata/stores.tsv.
//
// Where the file is known, the verdict of [Instance.Decide] names it.
var cures = map[string]string{
	"node":     "set NODE_EXTRA_CA_CERTS to " + aFile + ", or NODE_USE_SYSTEM_CA=1 from 22.15 on",
	"deno":     "set DENO_TLS_CA_STORE=mozilla,system",
	"bun":      "set NODE_EXTRA_CA_CERTS to " + aFile,
	"requests": "set REQUESTS_CA_BUNDLE to " + theBundle,
	"httpx":    "set SSL_CERT_FILE to " + theBundle,
	"libpq":    "set PGSSLROOTCERT to " + theBundle,
}

// Files that cures speak of.
const (
	aFile     = "a file with the root"
	theBundle = "the system's bundle"
)

const httpsMatch = "add {customize_hostname_check, [{match_fun, public_key:pkix_verify_hostname_match_fun(https)}]} to the options of ssl"

// cure returns what makes a reader accept what it refuses; "" where that is the
// server's matter and plain. Whether Erlang's other match of names accepts a host is tried.
func (r Reader) cure(f Fault, v Verdict, try func(Reader) Verdict) string {
	leaf := len(v.Chain) > 0 && f.At == v.Chain[0]
	switch f.Cause {
	case Untrusted:
		return cures[r.ID]
	case SelfSigned:
		if r.rules.selfSignedRefused {
			return "trust cannot cure it: make a CA, install it, and have it issue the server's certificate"
		}
		return cures[r.ID]
	case Authority:
		if leaf {
			return "trust cannot cure it: make a CA, install it, and have it issue the server a certificate that is not a CA's"
		}
		return "the certificate has to be issued by a CA: one with basic constraints CA:TRUE and, where it has key usage, keyCertSign"
	case Strict:
		return r.strictCure(f)
	case Version:
		return "have it issued anew as version 3: openssl x509 -req makes that with -extfile"
	case Critical:
		return "have it issued anew without that extension, or with it not critical"
	case Constraints:
		return "the server needs a certificate for names that the CA may issue for, or of another CA"
	case PathLength:
		return "have the CA issued anew with a longer path, or take the intermediates out"
	case Purpose:
		return "have the server's certificate issued anew for servers: extendedKeyUsage=serverAuth"
	case WrongName:
		return r.nameCure(v, try)
	}
	return ""
}

// strictCure names the extension that a CA has to add, and what goes without it meanwhile.
func (r Reader) strictCure(f Fault) string {
	add := "that changed"
	for _, known := range []struct{ text, extension string }{
		{"no authority key identifier", "authorityKeyIdentifier=keyid"},
		{"without a subject key identifier", "subjectKeyIdentifier=hash"},
		{"without key usage", "keyUsage=critical,keyCertSign,cRLSign"},
		{"that are not critical", "basicConstraints=critical,CA:TRUE"},
	} {
		if strings.Contains(f.Text, known.text) {
			add = known.extension
			break
		}
	}
	cure := "have it issued anew with " + add
	if r.ID == "python" || r.ID == "httpx" {
		cure += "; until then: context.verify_flags &= ~ssl.VERIFY_X509_STRICT"
	}
	return cure
}

func (r Reader) nameCure(v Verdict, try func(Reader) Verdict) string {
	if r.ID == "erlang" {
		if https, ok := Named("erlang-https", r.Release); ok && try(https).Trusted {
			return httpsMatch
		}
	}
	if plain, ok := Named("openssl", ""); ok && r.ID != plain.ID && try(plain).Cause != WrongName {
		return "have the certificate issued with the host itself as subjectAltName, in letters, digits and hyphens"
	}
	return "connect by a name that the certificate has, or have one issued for this name"
}
