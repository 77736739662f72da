package readers

import "strings"

// aFile is the phrase of a cure if [Case] does not name the file.
const aFile = "a file with the root"

// setting says how to make a reader load a missing root. It returns "" if the
// reader loads the system's bundle.
func (r Reader) setting() string {
	m := r.Remedy()
	switch {
	case m.Instead != "":
		return strings.ReplaceAll(m.Instead, "{bundle}", aFile)
	case m.Variable != nil:
		return "set " + m.Variable.Name + " to " + aFile + m.More
	}
	return ""
}

const httpsMatch = "add {customize_hostname_check, [{match_fun, public_key:pkix_verify_hostname_match_fun(https)}]} to the options of ssl"

// cure says how to make a reader accept the server. It returns "" if only the
// server can cure the fault, in a plain way. It tries whether Erlang's other match
// of names accepts the host.
func (r Reader) cure(f Fault, v Verdict, try func(Reader) Verdict) string {
	leaf := len(v.Chain) > 0 && f.At == v.Chain[0]
	switch f.Cause {
	case Untrusted:
		return r.setting()
	case SelfSigned:
		if r.rules.selfSignedRefused {
			return "trust cannot cure it: make a CA, install it, and have it issue the server's certificate"
		}
		return r.setting()
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
		return r.nameCure(try)
	}
	return ""
}

// strictCure names the extension that a CA must add, and a setting that avoids the
// check until then.
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

func (r Reader) nameCure(try func(Reader) Verdict) string {
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
