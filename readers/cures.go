package readers

// cures are what makes a reader trust the root that a chain leads to. Each is one that
// a run has shown: see testdata/stores.tsv.
var cures = map[string]string{
	"node":     "set NODE_EXTRA_CA_CERTS to a file with the root, or NODE_USE_SYSTEM_CA=1 from 22.15 on",
	"deno":     "set DENO_TLS_CA_STORE=mozilla,system",
	"bun":      "set NODE_EXTRA_CA_CERTS to a file with the root",
	"requests": "set REQUESTS_CA_BUNDLE to the system's bundle",
	"httpx":    "set SSL_CERT_FILE to the system's bundle",
	"libpq":    "set PGSSLROOTCERT to the system's bundle",
}

const httpsMatch = "add {customize_hostname_check, [{match_fun, public_key:pkix_verify_hostname_match_fun(https)}]} to the options of ssl"

// cure returns what makes a reader accept what it refuses for a cause, where it is the
// reader that can be changed and that is known; else "". Whether another match of names accepts it
// is tried.
func (r Reader) cure(cause Cause, try func(Reader) Verdict) string {
	switch {
	case cause == Untrusted, cause == SelfSigned && r.ID != "erlang":
		return cures[r.ID]
	case cause == WrongName && r.ID == "erlang":
		if https, ok := Named("erlang-https", r.Release); ok && try(https).Trusted {
			return httpsMatch
		}
	}
	return ""
}
