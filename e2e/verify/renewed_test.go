//go:build e2e

package verify

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/e2e/rig"
)

// TestR8ExpiredRootIsRenewed has a server whose chain ends at a root that is in the
// stores and has expired. A company's catalogue has the root's successor, with the same
// name and key: verify names the bundle, and the cure, pasted, makes the server trusted.
func TestR8ExpiredRootIsRenewed(t *testing.T) {
	var none *member
	name := func(c *x509.Certificate) { c.Subject.Organization = []string{"Acme"} }
	old := none.make(t, "Acme Root", authorityCert, expiredCert, name)
	renewed := none.certify(t, old.key, "Acme Root", authorityCert, name)
	middle := old.make(t, "Acme Intermediate", authorityCert)
	leaf := middle.make(t, "localhost", localhostCert)
	root := rig.Debian(t, "trixie")
	rig.Run(t, rig.Certgraft, "install", "--root", root, "--expired", "keep", leaf.files(t, old).CAFile)
	port := rig.TLSServer(t, leaf.files(t, old, middle))
	address := fmt.Sprintf("localhost:%d", port)
	verifiedBy := func(status int, flags ...string) verified {
		return verify(t, status, append(flags, "--root", root, "-4", address)...)
	}

	if v := verifiedBy(5); v.Verdict.Cause != "expired" || strings.Contains(v.Verdict.Cure, "certgraft install") {
		t.Errorf("without the catalogue: %+v", v.Verdict)
	}
	catalogue := acme(t, renewed)
	v := verifiedBy(5, "--catalog", catalogue)
	if v.Verdict.Cause != "expired" || !strings.Contains(v.Verdict.Text, "Acme Root") || !strings.HasPrefix(v.Verdict.Cure, "certgraft install ") {
		t.Fatalf("%+v", v.Verdict)
	}
	rig.Run(t, "sh", "-ec", rig.Certgraft+strings.TrimPrefix(v.Verdict.Cure, "certgraft"))
	verifiedBy(0, "--catalog", catalogue)
	agrees(t, situation{name: "renewed"}, port, "", filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"))
}

// acme returns the file of a catalogue with one provider, whose certificate a server of
// this machine has. It is fetched without TLS, and so the entry has a pin.
func acme(t *testing.T, ca *member) string {
	t.Helper()
	parsed, err := certs.ParseCertificate(ca.cert.Raw)
	if err != nil {
		t.Fatal(err)
	}
	set := &certs.Set{}
	set.Add(parsed, "")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(ca.pem()) }))
	t.Cleanup(server.Close)
	entry := map[string]any{
		"id": "acme", "title": "Acme", "homepage": "https://acme.example", "kind": "static", "formats": []string{"pem"}, "urls": []string{server.URL + "/ca.pem"}, "pin": set.Digest(),
		"evidence": map[string]string{"date": "2026-01-01", "confidence": "high", "checksum": "no", "set": set.Digest()},
		"known":    []map[string]string{{"name": parsed.Name(), "sha256": parsed.Fingerprint().String(), "notAfter": parsed.NotAfter().Format(time.DateOnly)}},
	}
	data, err := json.Marshal(map[string]any{"version": 1, "providers": []any{entry}})
	if err != nil {
		t.Fatal(err)
	}
	return rig.Write(t, filepath.Join(t.TempDir(), "acme.json"), string(data))
}
