package bill

import (
	"bytes"
	"encoding/json"
	"testing"
	"testing/fstest"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
)

func TestEncode(t *testing.T) {
	corp, other := roottest.NewCA(t, "Corp <Root> CA"), roottest.NewCA(t, "Other CA")
	root := fstest.MapFS{
		"etc/ssl/certs/ca-certificates.crt": {Data: []byte(corp.PEM() + other.PEM()), Mode: 0o644},
		"etc/ssl/cert.pem":                  {Data: []byte(corp.PEM()), Mode: 0o644},
	}
	found, err := installer.Inspect(root, time.Unix(1_800_000_000, 0), installer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	about := Subject{Name: "/mnt/root", Kind: "operating-system"}
	data, err := Root(about, found).Encode("v1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	again, err := Root(about, found).Encode("v1.0.0")
	if err != nil || !bytes.Equal(data, again) {
		t.Error("two bills of one root differ", err)
	}
	var b bom
	if err := json.Unmarshal(data, &b); err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(data, []byte(Start)) {
		t.Errorf("it does not begin with %s", Start)
	}
	if len(b.Components) != 3 {
		t.Fatalf("%d components: %s", len(b.Components), data)
	}
	print, err := certs.ParseCertificate(corp.DER)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.Components {
		if c.Ref != "certificate/"+print.Fingerprint().String() {
			continue
		}
		if len(c.Evidence.Occurrences) != 2 || c.Evidence.Occurrences[0].Location != "/etc/ssl/cert.pem" || c.Properties[0] != (property{"certgraft:key", "ECDSA P-256"}) {
			t.Errorf("%+v", c)
		}
		if c.Crypto.Certificate.NotAfter != "2100-01-01T00:00:00Z" || c.Crypto.Certificate.Signature != "algorithm/ECDSA-SHA256" {
			t.Errorf("%+v", c.Crypto.Certificate)
		}
		return
	}
	t.Errorf("the certificate is missing: %s", data)
}

func TestFile(t *testing.T) {
	set := &certs.Set{}
	c, err := certs.ParseCertificate(roottest.NewCA(t, "Corp CA").DER)
	if err != nil {
		t.Fatal(err)
	}
	set.Add(c, "elsewhere")
	data, err := File("corp.pem", set).Encode("v1")
	if err != nil {
		t.Fatal(err)
	}
	var b bom
	if err := json.Unmarshal(data, &b); err != nil {
		t.Fatal(err)
	}
	if at := b.Components[0].Evidence.Occurrences; len(at) != 1 || at[0].Location != "corp.pem" || b.Metadata.Component.Type != "file" {
		t.Errorf("%s", data)
	}
}
