package command

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/probe"
)

// anchorOf is a root as it is reported.
func anchorOf(t *testing.T, der []byte) probe.Certificate {
	t.Helper()
	c, err := certs.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return probe.Certificate{Fingerprint: c.Fingerprint().String()}
}

func TestRuntimeCaveats(t *testing.T) {
	ca := roottest.NewCA(t, "Corp Root")
	const certifi = "usr/local/lib/python3.13/site-packages/certifi/cacert.pem"
	mozilla, _ := certs.MozillaRoots()
	first := slices.Collect(mozilla.All())[0]
	for name, tt := range map[string]struct {
		root   fstest.MapFS
		anchor []byte
		want   []string
	}{
		"nothing there":              {fstest.MapFS{}, ca.DER, nil},
		"Node's own binary":          {fstest.MapFS{"usr/local/bin/node": {}}, ca.DER, []string{"NODE_EXTRA_CA_CERTS"}},
		"Debian's Node":              {fstest.MapFS{"usr/bin/node": {}}, ca.DER, nil},
		"a public root":              {fstest.MapFS{"usr/local/bin/node": {}}, first.Raw, nil},
		"certifi without it":         {fstest.MapFS{certifi: {}}, ca.DER, []string{"REQUESTS_CA_BUNDLE"}},
		"certifi with it":            {fstest.MapFS{certifi: {Data: []byte(ca.PEM())}}, ca.DER, nil},
		"Java, which is not read":    {fstest.MapFS{"etc/ssl/certs/java/cacerts": {}}, ca.DER, []string{"Java (/etc/ssl/certs/java/cacerts)"}},
		"two that go their own ways": {fstest.MapFS{"usr/bin/deno": {}, certifi: {}}, ca.DER, []string{"DENO_TLS_CA_STORE", "certifi"}},
	} {
		got := runtimeCaveats(tt.root, anchorOf(t, tt.anchor))
		if len(got) != len(tt.want) {
			t.Errorf("%s: %q", name, got)
			continue
		}
		for i, w := range tt.want {
			if !strings.Contains(got[i], w) {
				t.Errorf("%s: %q is not in %q", name, w, got[i])
			}
		}
	}
}
