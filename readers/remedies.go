package readers

// Remedy is what makes a reader trust what is in the system's bundle, which it does not
// read by itself.
type Remedy struct {
	Variable string // that names a bundle; "" where none does
	Adds     bool   // the variable adds to the roots that the reader has, and hides none
	More     string // what goes with it: ", or start it with …"
	Store    string // of package installer, which edits the file that the reader has
	Instead  string // what to do with {bundle}, where the variable would do too much
}

// remedies are by reader. Each is one that a run has shown: testdata/stores.tsv, and
// e2e/clients for readers whose rules were not measured.
var remedies = map[string]Remedy{
	"node":     {Variable: "NODE_EXTRA_CA_CERTS", Adds: true, More: ", or start it with --use-openssl-ca, or from 22.15 on with NODE_USE_SYSTEM_CA=1"},
	"deno":     {Variable: "DENO_CERT", Adds: true, More: ", or set DENO_TLS_CA_STORE=mozilla,system"},
	"bun":      {Variable: "NODE_EXTRA_CA_CERTS", Adds: true},
	"requests": {Variable: "REQUESTS_CA_BUNDLE", Store: "python"},
	"httpx":    {Variable: "SSL_CERT_FILE", Store: "python"},
	"libpq":    {Variable: "PGSSLROOTCERT", Instead: "it reads no system bundle by itself: with sslmode=verify-full say sslrootcert={bundle}, or from version 16 on sslrootcert=system"},

	"uv":       {Variable: "SSL_CERT_FILE", More: ", or run it with --native-tls"},
	"certifi":  {Variable: "REQUESTS_CA_BUNDLE", More: ", and SSL_CERT_FILE for httpx", Store: "python"},
	"pip":      {Variable: "PIP_CERT", Store: "python"},
	"botocore": {Variable: "AWS_CA_BUNDLE", Store: "python"},
	"httplib2": {Variable: "HTTPLIB2_CA_CERTS", Store: "python"},
	"grpc":     {Variable: "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", Store: "python"},
	"conda":    {Variable: "SSL_CERT_FILE", Store: "conda"},
	"gcloud":   {Variable: "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE"},
	"perl":     {Variable: "PERL_LWP_SSL_CA_FILE"},
}

// Remedy returns what makes the reader trust what is in the system's bundle; the zero
// value where it reads the bundle by itself, or none is known.
func (r Reader) Remedy() Remedy { return remedies[r.ID] }
