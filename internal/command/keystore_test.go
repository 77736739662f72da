package command

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/keystore"
)

// inspect and diff read a Java trust store as they read a bundle.
func TestKeystoreFiles(t *testing.T) {
	dir, ca := t.TempDir(), roottest.NewCA(t, "Java Root")
	c, err := certs.ParseCertificate(ca.DER)
	if err != nil {
		t.Fatal(err)
	}
	store := keystore.NewJKS("secret")
	if err := store.Add(keystore.Entry{Alias: "a", Created: c.NotBefore(), Cert: c}); err != nil {
		t.Fatal(err)
	}
	data, err := store.Encode()
	if err != nil {
		t.Fatal(err)
	}
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	jks, pem, password := file("cacerts", string(data)), file("ca.pem", ca.PEM()), file("password", "secret\n")
	certgraft := func(args ...string) (string, int) {
		var out, problems bytes.Buffer
		status := Run(t.Context(), append([]string{"certgraft"}, args...), strings.NewReader(""), &out, &problems)
		return out.String() + problems.String(), status
	}
	if out, status := certgraft("inspect", "--java-password-file", password, jks); status != 0 || !strings.Contains(out, "CN=Java Root") {
		t.Errorf("status %d: %s", status, out)
	}
	if out, status := certgraft("diff", "--java-password-file", password, jks, pem); status != 0 || !strings.Contains(out, "1 in both, 0 only in") {
		t.Errorf("status %d: %s", status, out)
	}
	for _, args := range [][]string{{"inspect", jks}, {"diff", jks, pem}} {
		if out, status := certgraft(args...); status != 3 || !strings.Contains(out, "the password is wrong") || !strings.Contains(out, "--java-password-file FILE") {
			t.Errorf("status %d: %s", status, out)
		}
	}
}

// openssl pkcs12 -export -nokeys marks no certificate as trusted. certgraft once
// read such a file as "0 certificates", with a pin of nothing.
func TestS5InspectOfUnmarkedCertificates(t *testing.T) {
	for name, want := range map[string]string{
		"nokeys.p12": "2 certificates, pin: @set:", "nokeys-changeit.p12": "2 certificates, pin: @set:", "key-secret.p12": "it holds a private key", "secret.jks": "--java-password-file FILE",
	} {
		var out bytes.Buffer
		status := Run(t.Context(), []string{"certgraft", "inspect", "../../keystore/testdata/" + name}, strings.NewReader(""), &out, &out)
		if got := out.String(); !strings.Contains(got, want) || strings.Contains(got, "e3b0c442") || (status == 0) != strings.HasPrefix(want, "2 ") || status != 0 && status != 3 {
			t.Errorf("%s: status %d: %s", name, status, got)
		}
	}
}
