package command_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/certgraft/certgraft/certs"
)

// listOf returns a file of lists that has the root of a case.
func listOf(t *testing.T, root []byte, more string) string {
	t.Helper()
	c, err := certs.ParseCertificate(root)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "lists.json")
	err = writeFile(name, fmt.Sprintf(`{"version":1,"distrust":[{"name":"acme","title":"The old CA","since":"2026-11-01",%s"why":"its key was on a stolen laptop",
		"certificates":[{"name":"x","sha256":"%s","notAfter":"2030-01-01"}]}]}`, more, c.Fingerprint()))
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// A chain through a listed CA is not trusted, whatever the readers of the root
// say. The readers that would not notice are named. A CA with a date limit is
// named too.
func TestVerifyListed(t *testing.T) {
	c, address := serveCase(t, "plain")
	root := written(t, debian(t, c.Trust...))
	verified(t, 0, "--root", root, "--servername", c.Host, address)
	h := verified(t, 5, "--root", root, "--servername", c.Host, "--catalog", listOf(t, c.Trust[0], ""), address)
	h.wants(t, "distrusted", "which is distrusted: distrusted since 2026-11-01: its key was on a stolen laptop (@acme)", "the server needs a certificate of another CA")
	h.says(t, "OpenSSL", "would not notice", "certgraft distrust --root", "@acme takes it out")
	h = verified(t, 0, "--root", root, "--servername", c.Host, "--catalog", listOf(t, c.Trust[0], `"after":"2026-01-01T00:00:00Z",`), address)
	h.says(t, "", "until 2026-01-01", "(@acme)")
	image := imageOf(t, debian(t, c.Trust...))
	h = verified(t, 5, "--image", image, "--servername", c.Host, "--catalog", listOf(t, c.Trust[0], ""), address)
	h.says(t, "", "certgraft distrust --image oci:", "--tag IMAGE @acme")
}
