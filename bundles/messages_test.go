package bundles

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// The exact messages of failed downloads: the error once, and one hint below
// it.
func TestWhatAFailedDownloadSays(t *testing.T) {
	unknown := fails(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}})
	const rds = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
	network := "check the network and the proxy (https_proxy), or download the file elsewhere and name it"
	for name, test := range map[string]struct {
		opt       Options
		spec      string
		answer    func(*http.Request) (*http.Response, error)
		err, hint string
	}{
		"a URL":          {Options{}, "https://x.example/ca.pem", noHost, "https://x.example/ca.pem: lookup example.com: no such host", network},
		"a URL, 404":     {Options{}, "https://x.example/ca.pem", answer(404, ""), "https://x.example/ca.pem: 404 Not Found", "check the address, or look for the new one on the publisher's page"},
		"an id, 404":     {Options{}, "rds", answer(404, ""), "rds: get " + rds + ": 404 Not Found", "look for the new address on the publisher's page, which certgraft list aws-rds names"},
		"unknown CA":     {Options{}, "https://x.example/ca.pem", unknown, "https://x.example/ca.pem: tls: failed to verify certificate: x509: certificate signed by unknown authority", proxyHint},
		"with a cache":   {Options{Cache: "."}, "https://x.example/ca.pem", noHost, "https://x.example/ca.pem: lookup example.com: no such host; the cache does not have it", network},
		"no fallback":    {Options{NoFallback: true}, "aws-rds", noHost, "aws-rds: get " + rds + ": lookup example.com: no such host", network},
		"offline":        {Options{Offline: true}, "https://x.example/ca.pem", nil, "https://x.example/ca.pem: --offline forbids the network; there is no cache", "run it once with a network and --cache DIR, or name the file itself"},
		"HTML":           {Options{}, "https://x.example/ca.pem", answer(200, "<html>"), "https://x.example/ca.pem: no certificate: it is an HTML page, not certificates", "look at the content: it should hold lines -----BEGIN CERTIFICATE-----, or be DER, PKCS#7, PKCS#12 or a Java keystore"},
		"pin of bytes":   {Options{}, "aws-rds@sha256:" + zeros, noHost, "aws-rds: get " + rds + ": lookup example.com: no such host; a snapshot does not satisfy a pin of bytes", network + "\nuse @set:HEX, which pins the certificates; the bytes of a download are kept by --cache DIR"},
		"no download CA": {Options{DownloadCA: []string{"nowhere.pem"}}, "aws-rds", nil, "--download-ca nowhere.pem: no such file", "check the path; in a Dockerfile RUN step a file must be copied or mounted first"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.opt.DownloadCA == nil {
				test.opt.Transport = &server{answers: list(test.answer)}
			}
			_, err := Load(t.Context(), test.opt, test.spec)
			if err == nil || err.Error() != test.err || hintOf(err) != test.hint {
				t.Errorf("%v\n%s", err, hintOf(err))
			}
		})
	}
}

// The server's answer is in the error, also if the timeout prevented a retry.
func TestStatusIsSaidWhenTheTimeIsUp(t *testing.T) {
	for status, want := range map[int]string{500: "500 Internal Server Error", 429: "429 Too Many Requests"} {
		synctest.Test(t, func(t *testing.T) {
			_, err := Load(t.Context(), Options{Transport: &server{answers: list(answer(status, ""))}, Timeout: 500 * time.Millisecond}, "https://x.example/ca.pem")
			says(t, err, ErrUnreachable, "https://x.example/ca.pem: the downloads timed out; the last attempt: "+want)
		})
	}
}
