package certs_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
)

func parsed(t testing.TB, ca *roottest.CA) *certs.Certificate {
	t.Helper()
	c, err := certs.ParseCertificate(ca.DER)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSet(t *testing.T) {
	a, b := parsed(t, roottest.NewCA(t, "A")), parsed(t, roottest.NewCA(t, "A"))
	var s certs.Set
	if s.Len() != 0 || s.Has(a.Fingerprint()) || s.Get(a.Fingerprint()) != nil || s.Sources(a.Fingerprint()) != nil {
		t.Error("an empty set is not empty")
	}
	if !s.Add(b, "x") || !s.Add(a, "x") || s.Add(b, "y") || s.Add(b, "x") {
		t.Error("Add says wrongly what is new")
	}
	if got := slices.Collect(s.All()); !slices.Equal(got, []*certs.Certificate{b, a}) {
		t.Errorf("order: %v", got)
	}
	if got := s.Sources(b.Fingerprint()); !slices.Equal(got, []string{"x", "y"}) {
		t.Errorf("sources: %v", got)
	}
	if s.Get(a.Fingerprint()) != a || string(s.AppendPEM(nil)) != string(b.AppendPEM(nil))+string(a.AppendPEM(nil)) {
		t.Error("Get or AppendPEM")
	}
	var reversed certs.Set
	reversed.Add(a, "")
	reversed.Add(b, "")
	twice := slices.Values([]certs.Fingerprint{b.Fingerprint(), a.Fingerprint(), b.Fingerprint()})
	if s.Digest() != certs.SetDigest(twice) {
		t.Error("the digest counts a certificate twice")
	}
	if s.Digest() != reversed.Digest() {
		t.Error("the digest depends on the order")
	}
	if f, err := certs.ParseFingerprint(a.Fingerprint().String()); err != nil || f != a.Fingerprint() {
		t.Error(err)
	}
	for _, bad := range []string{"", "xy", strings.Repeat("0", 62)} {
		if _, err := certs.ParseFingerprint(bad); err == nil {
			t.Errorf("%q is a fingerprint", bad)
		}
	}
}

func TestPolicy(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	good, expired := parsed(t, roottest.NewCA(t, "Good")), parsed(t, roottest.NewCA(t, "Old", roottest.Expired))
	future, leaf := parsed(t, roottest.NewCA(t, "New", roottest.Future)), parsed(t, roottest.NewCA(t, "Leaf", roottest.Leaf))
	oldLeaf := parsed(t, roottest.NewCA(t, "Old leaf", roottest.Expired, roottest.Leaf))
	empty, err := certs.ParseCertificate(withSubject(t, []byte{0x30, 0}))
	if err != nil {
		t.Fatal(err)
	}
	odd, err := certs.ParseCertificate(withSubject(t, encode(names["BIT STRING"])))
	if err != nil || odd.X509() != nil {
		t.Fatal(err, "Go takes a BIT STRING in a name")
	}
	for _, test := range []struct {
		name   string
		policy certs.Policy
		cert   *certs.Certificate
		want   certs.Action
		remark string
	}{
		{"good", certs.Policy{}, good, certs.Keep, ""},
		{"expired", certs.Policy{}, expired, certs.Skip, "expired on 2001-01-01"},
		{"expired, kept", certs.Policy{Expired: certs.Keep}, expired, certs.Keep, "expired"},
		{"expired, fails", certs.Policy{Expired: certs.Fail}, expired, certs.Fail, "expired"},
		{"future", certs.Policy{Expired: certs.Fail}, future, certs.Keep, "not valid before 2200-01-01"},
		{"leaf", certs.Policy{}, leaf, certs.Keep, "not a CA"},
		{"leaf, skipped", certs.Policy{NonCA: certs.Skip}, leaf, certs.Skip, "not a CA"},
		{"leaf, fails", certs.Policy{NonCA: certs.Fail}, leaf, certs.Fail, "not a CA"},
		{"expired leaf, kept but no CA", certs.Policy{Expired: certs.Keep, NonCA: certs.Fail}, oldLeaf, certs.Fail, "not a CA"},
		{"expired leaf, fails", certs.Policy{NonCA: certs.Fail}, oldLeaf, certs.Fail, "not a CA"},
		{"expired leaf, all kept", certs.Policy{Expired: certs.Keep}, oldLeaf, certs.Keep, "expired on 2001-01-01; not a CA"},
		{"expired leaf", certs.Policy{}, oldLeaf, certs.Skip, "expired on 2001-01-01"},
		{"empty subject", certs.Policy{}, empty, certs.Skip, "subject is empty"},
		{"odd name", certs.Policy{}, odd, certs.Keep, "written in Go"},
	} {
		test.policy.Now = now
		got, remark := test.policy.Judge(test.cert)
		if got != test.want || !strings.Contains(remark, test.remark) || test.remark == "" && remark != "" {
			t.Errorf("%s: %v %q, want %v %q", test.name, got, remark, test.want, test.remark)
		}
	}
}

func TestFileName(t *testing.T) {
	valid := regexp.MustCompile(`^certgraft-[a-z0-9.-]+-[0-9a-f]{8}\.crt$`)
	for _, test := range []struct{ source, cn, want string }{
		{"aws-rds", "Amazon RDS eu-west-1 Root CA RSA2048 G1", "certgraft-aws-rds-amazon-rds-eu-west-1-root-ca-rsa2048-g1-"},
		{"corp", "../../etc/passwd", "certgraft-corp-etc-passwd-"},
		{"pki.example.com", "Ünïcode ÄÖ", "certgraft-pki.example.com-n-code-"},
		{"../..", "***", "certgraft-source-ca-"},
		{strings.Repeat("host.", 60), "A", "certgraft-" + strings.Repeat("host.", 19) + "host-a-"},
		{"stdin", strings.Repeat("long ", 30), "certgraft-stdin-long-long-long-long-long-long-long-long-"},
		{"x", "a\nb\x00c", "certgraft-x-a-b-c-"},
	} {
		got := certs.FileName(test.source, parsed(t, roottest.NewCA(t, test.cn)), 8)
		if !strings.HasPrefix(got, test.want) || !valid.MatchString(got) {
			t.Errorf("%q %q: %s, want %s…", test.source, test.cn, got, test.want)
		}
	}
}

func TestCertificate(t *testing.T) {
	ca := roottest.NewCA(t, "Root")
	c, sub := parsed(t, ca), parsed(t, ca.Intermediate(t, "Sub"))
	if c.Subject() != "CN=Root,O=certgraft tests" || c.Name() != "Root" || sub.Issuer() != c.Subject() {
		t.Errorf("names: %q %q %q", c.Subject(), c.Name(), sub.Issuer())
	}
	if !c.SelfIssued() || sub.SelfIssued() || !sub.IssuedBy(c) || c.IssuedBy(sub) || !c.IsCA() || !sub.IsCA() {
		t.Error("kinship")
	}
	if !c.NotBefore().Equal(ca.Cert.NotBefore) || !c.NotAfter().Equal(ca.Cert.NotAfter) {
		t.Error("dates")
	}
	dirty, err := certs.ParseCertificate(withSubject(t, encode([]rdn{{{cn, 12, "a\x1b[2Jb\u202ec"}}, {{org, 12, "x"}, {"\x55\x04\x63", 3, "\x00\x01"}}})))
	if err != nil {
		t.Fatal(err)
	}
	forged, err := certs.ParseCertificate(withSubject(t, encode([]rdn{{{cn, 12, " #a,O=\\Good+\"<CA>;\" "}}, {{org, 19, "#b"}}})))
	if err != nil {
		t.Fatal(err)
	}
	if got := forged.Subject(); got != `O=\#b,CN=\ #a\,O=\\Good\+\"\<CA\>\;\"\ ` {
		t.Errorf("subject %s", got)
	}
	if got := dirty.Subject(); got != "2.5.4.99=#03020001+O=x,CN=a\ufffd[2Jb\ufffdc" {
		t.Errorf("subject %q", got)
	}
}

func TestBlocks(t *testing.T) {
	a, b := roottest.NewCA(t, "A").PEM(), roottest.NewCA(t, "B").PEM()
	text := "# a\n" + a + "-----BEGIN CERTIFICATE-----\n@\n-----END CERTIFICATE-----\n" + strings.TrimSpace(a) + b
	for _, end := range []string{"\r\n", "\r"} {
		lines := strings.ReplaceAll(a, "\n", end)
		for block := range certs.Blocks([]byte(lines + "text" + end)) {
			if block.Start != 0 || block.End != len(lines) {
				t.Errorf("line ends %q: block %d to %d, want 0 to %d", end, block.Start, block.End, len(lines))
			}
		}
	}
	two := signedData(tlv, roottest.NewCA(t, "C").DER, roottest.NewCA(t, "D").DER)
	for block := range certs.Blocks([]byte(wrap("PKCS7", two))) {
		if block.Certificate != nil || block.Finding == nil {
			t.Error("a block of two certificates passes for one")
		}
	}
	var got []string
	for block := range certs.Blocks([]byte(text)) {
		got = append(got, text[block.Start:block.End])
		if block.Certificate == nil && block.Finding == nil {
			t.Error("a block without certificate and finding")
		}
	}
	want := []string{a, "-----BEGIN CERTIFICATE-----\n@\n-----END CERTIFICATE-----\n", strings.TrimSpace(a), b}
	if !slices.Equal(got, want) {
		t.Errorf("blocks %q", got)
	}
	if text[:4]+strings.Join(got, "") != text {
		t.Error("the blocks and what stands before them are not the text")
	}
}
