package readers

// Remedy is what makes a reader trust what is in the system's bundle, which it does not
// read by itself.
type Remedy struct {
	Variable *Variable // that names a bundle; nil where none does
	More     string    // what goes with it: ", or start it with …"
	Store    string    // of package installer, which edits the file that the reader has
	Instead  string    // what to do with {bundle}, where the variable would do too much
}

// remedies are by reader. Each is one that a run has shown: testdata/stores.tsv, and
// e2e/clients for readers whose rules were not measured.
var remedies = map[string]Remedy{
	"node":     {Variable: nodeExtraCACerts, More: ", or start it with --use-openssl-ca, or from 22.15 on with NODE_USE_SYSTEM_CA=1"},
	"deno":     {Variable: denoCert, More: ", or set DENO_TLS_CA_STORE=mozilla,system"},
	"bun":      {Variable: nodeExtraCACerts},
	"requests": {Variable: requestsCABundle, Store: "python"},
	"httpx":    {Variable: sslCertFile, Store: "python"},
	"libpq":    {Variable: pgSSLRootCert, Instead: "it reads no system bundle by itself: with sslmode=verify-full say sslrootcert={bundle}, or from version 16 on sslrootcert=system"},
	"pgjdbc":   {Instead: "it reads no system bundle by itself: with sslmode=verify-full say sslrootcert={bundle}, or sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory, which reads Java's trust store"},

	"uv":       {Variable: sslCertFile, More: ", or run it with --native-tls"},
	"certifi":  {Variable: requestsCABundle, More: ", and SSL_CERT_FILE for httpx", Store: "python"},
	"pip":      {Variable: pipCert, Store: "python"},
	"botocore": {Variable: awsCABundle, Store: "python"},
	"httplib2": {Variable: httplib2CACerts, Store: "python"},
	"grpc":     {Variable: grpcRoots, Store: "python"},
	"conda":    {Variable: sslCertFile, Store: "conda"},
	"gcloud":   {Variable: cloudSDKCACerts},
	"perl":     {Variable: perlLWPCAFile},
}

// Remedy returns what makes the reader trust what is in the system's bundle; the zero
// value where it reads the bundle by itself, or none is known.
func (r Reader) Remedy() Remedy { return remedies[r.ID] }
