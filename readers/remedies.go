package readers

// Remedy says how to make a reader trust the system's bundle if it does not read
// the bundle by itself.
type Remedy struct {
	Variable *Variable // a variable that names a bundle, or nil
	More     string    // further text for the variable: ", or start it with …"
	Store    string    // a store of package installer, which edits the reader's own file
	Instead  string    // what to do with {bundle} if the variable would do too much
}

// remedies are by reader. A run has shown each of them: testdata/stores.tsv, and
// e2e/clients for readers without measured rules.
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

// Remedy says how to make the reader trust the system's bundle. It is zero if the
// reader reads the bundle by itself, or if no remedy is known.
func (r Reader) Remedy() Remedy { return remedies[r.ID] }
