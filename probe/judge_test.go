package probe

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/certs"
)

// presented is a session in which a server sent these certificates.
func presented(t testing.TB, host string, chain ...*authority) *Session {
	t.Helper()
	target, err := ParseTarget(host, "")
	if err != nil {
		t.Fatal(err)
	}
	s := &Session{Target: target, TLS: &TLS{Version: "TLS 1.3"}}
	for _, a := range chain {
		s.sent = append(s.sent, a.parsed(t))
	}
	return s
}

// verdictOf judges a chain of db.test.
func verdictOf(t testing.TB, trust *certs.Set, chain ...*authority) Verdict {
	t.Helper()
	return judged(presented(t, "db.test", chain...), Circumstances{Trust: trust}).Verdict
}

func wants(t *testing.T, v Verdict, cause Cause, words ...string) {
	t.Helper()
	if v.Cause != cause {
		t.Errorf("cause is %q, want %q: %s", v.Cause, cause, v.Text)
	}
	if (cause == "") != (v.Status == Trusted) {
		t.Errorf("status is %q for %q", v.Status, cause)
	}
	for _, w := range words {
		if !strings.Contains(v.Text+" | "+v.Cure, w) {
			t.Errorf("%q is not in: %s | %s", w, v.Text, v.Cure)
		}
	}
}

func TestTrusted(t *testing.T) {
	root := newRoot(t, "Root")
	middle := root.intermediate(t, "Middle")
	leaf := middle.leaf(t)
	other := newRoot(t, "Other")
	for name, chain := range map[string][]*authority{
		"without the root": {leaf, middle},
		"with the root":    {leaf, middle, root},
		"out of order":     {leaf, root, middle},
		"with others":      {leaf, other, middle},
	} {
		t.Run(name, func(t *testing.T) { wants(t, verdictOf(t, trusting(t, other, root), chain...), "", "CN=Root") })
	}
	report := judged(presented(t, "db.test", leaf, other, middle), Circumstances{Trust: trusting(t, root)})
	if len(report.Unused) != 1 || report.Unused[0].Subject != "CN=Other" {
		t.Errorf("unused: %+v", report.Unused)
	}
	if top := report.Chain[2]; top.Sent || !slices.Equal(top.TrustedBy, []string{"/store"}) || report.Chain[0].Key != "EC P-256" || report.Chain[0].Signature != "ECDSA-SHA256" {
		t.Errorf("chain: %+v", report.Chain)
	}
}

func TestNotTrusted(t *testing.T) {
	root := newRoot(t, "Corp Root")
	middle := root.intermediate(t, "Middle")
	leaf := middle.leaf(t)
	trust := trusting(t, newRoot(t, "Other"))
	wants(t, verdictOf(t, trust, leaf, middle, root), UntrustedRoot, "signed by Corp Root, which this system does not trust", "certgraft install ./ROOT.pem")
	wants(t, verdictOf(t, trust, leaf, middle), UnknownIssuer, "Corp Root")
	wants(t, verdictOf(t, trust, leaf, root), MissingIntermediate, "Middle")
	wants(t, verdictOf(t, trusting(t, root), leaf, root), MissingIntermediate, "does not send the intermediate Middle")
	wants(t, verdictOf(t, trusting(t, middle), leaf), PartialChain, "Middle, an intermediate", "curl, Go")
	wants(t, verdictOf(t, trusting(t, leaf), leaf), PartialChain, "db.test, the server's own certificate", "install the root too")
	wants(t, verdictOf(t, trust, root.leaf(t, func(c *x509.Certificate) { c.IssuingCertificateURL = []string{"http://ca.test/x.cer"} })),
		MissingIntermediate, "http://ca.test/x.cer")
	// An intermediate has the address of its root, which servers do not send.
	below := root.intermediate(t, "Below", func(c *x509.Certificate) { c.IssuingCertificateURL = []string{"http://ca.test/root.cer"} })
	wants(t, verdictOf(t, trust, below.leaf(t), below), UnknownIssuer, "signed by Corp Root", "./ROOT.pem")
	wants(t, verdictOf(t, trust, newRoot(t, "Corp Issuing CA").leaf(t)), MissingIntermediate)
	self := issue(t, nil, "db.test", newKey(t), server)
	wants(t, verdictOf(t, trust, self), SelfSigned, "signed by itself")
	wants(t, verdictOf(t, trusting(t, self), self), "")
	wants(t, verdictOf(t, trust, newRoot(t, "Zscaler Intermediate Root CA").leaf(t)), Interception, "Zscaler")
	wants(t, verdictOf(t, &certs.Set{}, leaf, middle), UnknownIssuer)
}

func TestIssuerWithAnotherKey(t *testing.T) {
	sameID := func(c *x509.Certificate) { c.SubjectKeyId = []byte("the same") }
	real, fake := newRoot(t, "Corp Root", sameID), newRoot(t, "Corp Root", sameID)
	wants(t, verdictOf(t, trusting(t, real), fake.leaf(t)), BadSignature, "Corp Root")
	wants(t, verdictOf(t, trusting(t, real), fake.leaf(t), fake), BadSignature)
	// OpenSSL takes the first of two CAs with one name and key id. Its key does
	// not match.
	wants(t, verdictOf(t, trusting(t, real, fake), fake.leaf(t)), BadSignature)
	wants(t, verdictOf(t, trusting(t, fake, real), fake.leaf(t)), "")
	// OpenSSL compares the key id even if the key is the same.
	twin := issue(t, nil, "Corp Root", real.key, isCA, func(c *x509.Certificate) { c.SubjectKeyId = []byte("another") })
	wants(t, verdictOf(t, trusting(t, real), twin.leaf(t)), BadSignature, "another key")
}

// catalogue yields the certificates of a bundle.
func catalogue(t *testing.T, bundle string, all ...*authority) func(func(Known) bool) {
	t.Helper()
	var known []Known
	for _, a := range all {
		c := a.parsed(t)
		known = append(known, Known{Bundle: bundle, Name: c.Name(), Fingerprint: c.Fingerprint(), Certificate: c})
	}
	return slices.Values(known)
}

func TestCatalogueKnowsTheIssuer(t *testing.T) {
	regional := newRoot(t, "Amazon RDS eu-west-1 Root CA")
	middle := regional.intermediate(t, "Middle")
	for name, chain := range map[string][]*authority{
		"the root is not sent": {regional.leaf(t)}, "the root is sent": {regional.leaf(t), regional}, "an intermediate": {middle.leaf(t), middle},
	} {
		t.Run(name, func(t *testing.T) {
			v := judged(presented(t, "db.test", chain...), Circumstances{Known: catalogue(t, "aws-rds", newRoot(t, "Amazon RDS us-east-1 Root CA"), regional)}).Verdict
			if v.Text != "signed by Amazon RDS eu-west-1 Root CA, which this system does not trust; it is in the bundle aws-rds" || v.Cure != "certgraft install aws-rds" {
				t.Errorf("%+v", v)
			}
		})
	}
}

// A CA with the name and key id of a known one is not mistaken for it.
func TestImpostor(t *testing.T) {
	sameID := func(c *x509.Certificate) { c.SubjectKeyId = []byte("the same") }
	for name, edits := range map[string][]edit{"another key id": nil, "the same key id": {sameID}} {
		regional, fake := newRoot(t, "Amazon RDS eu-west-1 Root CA", edits...), newRoot(t, "Amazon RDS eu-west-1 Root CA", edits...)
		for sent, chain := range map[string][]*authority{"leaf": {fake.leaf(t)}, "root too": {fake.leaf(t), fake}} {
			for trusted, trust := range map[string]*certs.Set{"nothing": {}, "the real one": trusting(t, regional)} {
				t.Run(name+"/"+sent+"/trusting "+trusted, func(t *testing.T) {
					v := judged(presented(t, "db.test", chain...), Circumstances{Trust: trust, Known: catalogue(t, "aws-rds", regional)}).Verdict
					wants(t, v, Impostor, "it is not that one")
					if strings.Contains(v.Cure, "certgraft install") {
						t.Errorf("it is to be installed: %s", v.Cure)
					}
				})
			}
		}
	}
}

func TestKnownByFingerprintOrNameOnly(t *testing.T) {
	regional := newRoot(t, "Amazon RDS ap-east-2 Root CA")
	known := func(f certs.Fingerprint) func(func(Known) bool) {
		return slices.Values([]Known{{Bundle: "aws-rds", Name: "Amazon RDS ap-east-2 Root CA", Fingerprint: f}})
	}
	v := judged(presented(t, "db.test", regional.leaf(t), regional), Circumstances{Known: known(regional.parsed(t).Fingerprint())}).Verdict
	wants(t, v, UntrustedRoot, "it is in the bundle aws-rds", "certgraft install aws-rds")
	v = judged(presented(t, "db.test", regional.leaf(t)), Circumstances{Known: known(certs.Fingerprint{})}).Verdict
	wants(t, v, UnknownIssuer, "calls itself", "certgraft verify --with aws-rds")
}

func TestDates(t *testing.T) {
	root := newRoot(t, "Root")
	trust := trusting(t, root)
	wants(t, verdictOf(t, trust, root.leaf(t, expired)), Expired, "db.test expired on 2026-05-31", "this machine's date is 2026-06-01")
	middle := root.intermediate(t, "Middle", expired)
	wants(t, verdictOf(t, trust, middle.leaf(t), middle), Expired, "the intermediate Middle")
	old := newRoot(t, "Old", expired)
	report := judged(presented(t, "db.test", old.leaf(t)), Circumstances{Trust: trusting(t, old)})
	wants(t, report.Verdict, Expired, "the root Old")
	if len(report.Caveats) != 1 || !strings.Contains(report.Caveats[0], "Java") {
		t.Errorf("caveats: %q", report.Caveats)
	}
	future := root.leaf(t, dates(today.AddDate(0, 0, 2), today.AddDate(1, 0, 0)))
	wants(t, verdictOf(t, trust, future), NotYetValid, "not valid before 2026-06-03")
	v := judged(presented(t, "db.test", future), Circumstances{Trust: trust, Built: today.AddDate(0, 6, 0)}).Verdict
	wants(t, v, ClockOff, "set the clock")
	for built, cause := range map[time.Time]Cause{{}: NotYetValid, today.AddDate(0, 6, 0): ClockOff} {
		v := judged(presented(t, "db.test", future), Circumstances{Trust: trust, Built: built, Clock: "SOURCE_DATE_EPOCH"}).Verdict
		wants(t, v, cause, "SOURCE_DATE_EPOCH is 2026-06-01", " SOURCE_DATE_EPOCH, ")
		if strings.Contains(v.Text+v.Cure, "this machine") {
			t.Errorf("it is not this machine's date: %+v", v)
		}
	}
	soon := root.leaf(t, dates(today.AddDate(-1, 0, 0), today.AddDate(0, 0, 7)))
	for _, s := range judged(presented(t, "db.test", soon), Circumstances{Trust: trust}).Steps {
		if s.Name == "dates" && !strings.Contains(s.Detail, "7 days left") {
			t.Errorf("dates: %s", s.Detail)
		}
	}
}

// The trusted root has expired. The catalogue is searched for a valid root of its
// name and key, and for one of a CA below it.
func TestR8ExpiredRootHasAValidTwin(t *testing.T) {
	key := newKey(t)
	old, renewed := issue(t, nil, "Root", key, isCA, expired), issue(t, nil, "Root", key, isCA)
	v := judged(presented(t, "db.test", old.leaf(t)), Circumstances{Trust: trusting(t, old), Known: catalogue(t, "corp", newRoot(t, "Root"), renewed)}).Verdict
	wants(t, v, Expired, "the root Root expired", "the bundle corp has a valid root of the name and key of Root", "certgraft install corp")
	crossed := issue(t, old, "New Root", key, isCA)
	v = judged(presented(t, "db.test", crossed.leaf(t), crossed), Circumstances{Trust: trusting(t, old), Known: catalogue(t, "corp", issue(t, nil, "New Root", key, isCA))}).Verdict
	wants(t, v, Expired, "of the name and key of New Root", "certgraft install corp")
	v = judged(presented(t, "db.test", old.leaf(t)), Circumstances{Trust: trusting(t, old), Known: catalogue(t, "corp", newRoot(t, "Root"))}).Verdict
	wants(t, v, Expired, "the server needs a certificate under a root that is valid")

	// A company's catalogue gives only name and last day, without a copy.
	listed := func(name string, days int) func(func(Known) bool) {
		return slices.Values([]Known{{Bundle: "corp", Name: name, Fingerprint: renewed.parsed(t).Fingerprint(), NotAfter: today.AddDate(0, 0, days)}})
	}
	v = judged(presented(t, "db.test", old.leaf(t)), Circumstances{Trust: trusting(t, old), Known: listed("Root", 9)}).Verdict
	wants(t, v, Expired, "the bundle corp has a CA of the name Root that is valid until 2026-06-10", "certgraft install corp")
	rekeyed := newRoot(t, "Root")
	for name, c := range map[string]Circumstances{
		"another name":     {Trust: trusting(t, old), Known: listed("Other Root", 9)},
		"expired too":      {Trust: trusting(t, old), Known: listed("Root", -9)},
		"trusted, in vain": {Trust: trusting(t, old, rekeyed), Known: slices.Values([]Known{{Bundle: "corp", Name: "Root", Fingerprint: rekeyed.parsed(t).Fingerprint(), NotAfter: today.AddDate(1, 0, 0)}})},
	} {
		if v := judged(presented(t, "db.test", old.leaf(t)), c).Verdict; strings.Contains(v.Text+v.Cure, "corp") {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// Of two roots with one key, or a cross-signed root, the valid way is taken.
func TestTheWayThatHoldsIsTaken(t *testing.T) {
	key := newKey(t)
	old := issue(t, nil, "Root", key, isCA, expired)
	renewed := issue(t, nil, "Root", key, isCA)
	leaf := old.leaf(t)
	wants(t, verdictOf(t, trusting(t, old, renewed), leaf), "")
	wants(t, verdictOf(t, trusting(t, old), leaf), Expired)
	above := newRoot(t, "Above")
	crossed := issue(t, above, "Root", key, isCA)
	wants(t, verdictOf(t, trusting(t, renewed), leaf, crossed), "")
	wants(t, verdictOf(t, trusting(t, above), leaf, crossed), "")
	wants(t, verdictOf(t, trusting(t, above), leaf, old, crossed), "")
	// Sent certificates are taken in their order: openssl verify also ends with
	// error 19.
	wants(t, verdictOf(t, trusting(t, above), leaf, renewed, crossed), UntrustedRoot)
}

func TestPurpose(t *testing.T) {
	root := newRoot(t, "Root")
	trust := trusting(t, root)
	client := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
	wants(t, verdictOf(t, trust, root.leaf(t, client)), WrongPurpose, "extended key usage")
	wants(t, verdictOf(t, trust, root.leaf(t, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })), WrongPurpose, "key usage")
	wants(t, verdictOf(t, trust, root.leaf(t, func(c *x509.Certificate) { c.KeyUsage, c.ExtKeyUsage = 0, nil })), "")
	noCA := issue(t, root, "Not a CA", newKey(t), server)
	wants(t, verdictOf(t, trust, noCA.leaf(t), noCA), WrongPurpose, "is no CA")
	signsOnly := issue(t, root, "Signs only", newKey(t), func(c *x509.Certificate) {
		c.BasicConstraintsValid, c.KeyUsage = true, x509.KeyUsageCertSign
	})
	wants(t, verdictOf(t, trust, signsOnly.leaf(t), signsOnly), WrongPurpose, "is no CA")
	noSign := root.intermediate(t, "No sign", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature })
	wants(t, verdictOf(t, trust, noSign.leaf(t), noSign), WrongPurpose)
	short := newRoot(t, "Short", func(c *x509.Certificate) { c.MaxPathLenZero = true })
	below := short.intermediate(t, "Below")
	wants(t, verdictOf(t, trusting(t, short), below.leaf(t), below), WrongPurpose, "allows 0 intermediates")
	wants(t, verdictOf(t, trusting(t, short), short.leaf(t)), "")
	narrow := newRoot(t, "Narrow", func(c *x509.Certificate) {
		c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"example.com"}, true
	})
	wants(t, verdictOf(t, trusting(t, narrow), narrow.leaf(t)), WrongPurpose, "may not issue for the names of the server's certificate")
}

func TestStrength(t *testing.T) {
	root := newRoot(t, "Root")
	trust := trusting(t, root)
	weak := issue(t, root, "db.test", rsaKey(t, 1024), server)
	wants(t, verdictOf(t, trust, weak), Weak, "RSA 1024")
	wants(t, verdictOf(t, trust, issue(t, root, "db.test", rsaKey(t, 2048), server)), "")
	sha1 := root.leaf(t, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 })
	wants(t, verdictOf(t, trust, sha1), Weak, "SHA1")
	old := newRoot(t, "Old", func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 })
	wants(t, verdictOf(t, trusting(t, old), old.leaf(t)), "") // the signature of a root is not judged
	small := issue(t, nil, "Small", rsaKey(t, 1024), isCA)
	wants(t, verdictOf(t, trusting(t, small), small.leaf(t)), Weak, "Small")
}

func TestSignatures(t *testing.T) {
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaRoot := issue(t, nil, "RSA", rsaKey(t, 2048), isCA)
	for name, chain := range map[string]struct{ root, leaf *authority }{
		"SHA256-RSA":    {rsaRoot, rsaRoot.leaf(t)},
		"SHA512-RSA":    {rsaRoot, rsaRoot.leaf(t, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA512WithRSA })},
		"SHA384-RSAPSS": {rsaRoot, rsaRoot.leaf(t, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA384WithRSAPSS })},
	} {
		report := judged(presented(t, "db.test", chain.leaf), Circumstances{Trust: trusting(t, chain.root)})
		wants(t, report.Verdict, "")
		if report.Chain[0].Signature != name {
			t.Errorf("signature is %s, want %s", report.Chain[0].Signature, name)
		}
	}
	ed := issue(t, nil, "Ed", edKey, isCA)
	leaf := ed.leaf(t)
	wants(t, verdictOf(t, trusting(t, ed), leaf), "")
	// The same with Ed448, which certgraft cannot verify.
	unknown := &authority{der: bytes.ReplaceAll(ed.der, []byte("\x2b\x65\x70"), []byte("\x2b\x65\x71"))}
	strange := &authority{der: bytes.ReplaceAll(leaf.der, []byte("\x2b\x65\x70"), []byte("\x2b\x65\x71"))}
	v := verdictOf(t, trusting(t, unknown), strange)
	wants(t, v, Unchecked, "Ed448", "openssl")
	if v.Status != Undecided {
		t.Errorf("status is %s", v.Status)
	}
}

func TestNames(t *testing.T) {
	root := newRoot(t, "Root")
	with := func(cn string, names ...string) *authority {
		return issue(t, root, cn, newKey(t), server, func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = names, nil })
	}
	for _, tt := range []struct {
		host string
		leaf *authority
		ok   bool
	}{
		{"db.test", with("x", "db.test"), true},
		{"DB.Test", with("x", "db.test"), true},
		{"db.test", with("db.test", "other.test"), false}, // the common name counts only alone
		{"db.test", with("db.test"), true},
		{"a.example.test", with("x", "*.example.test"), true},
		{"a.b.example.test", with("x", "*.example.test"), false},
		{"example.test", with("x", "*.example.test"), false},
		{"example.test", with("x", "*.test"), false},
		{"ab.example.test", with("x", "a*.example.test"), true}, // X509_check_host
		{"bb.example.test", with("x", "a*.example.test"), false},
		{"127.0.0.1", root.leaf(t), true},
		{"127.0.0.2", root.leaf(t), false},
		{"127.0.0.1", with("127.0.0.1", "127.0.0.1"), false},
	} {
		report := judged(presented(t, tt.host, tt.leaf), Circumstances{Trust: trusting(t, root)})
		if (report.Verdict.Status == Trusted) != tt.ok {
			t.Errorf("%s with %v: %+v", tt.host, tt.leaf.cert.DNSNames, report.Verdict)
		}
	}
	wants(t, verdictOf(t, trusting(t, root), with("x", "a.test", "b.test")), WrongName, "not for db.test but for a.test, b.test")
	if report := judged(presented(t, "db.test", with("db.test")), Circumstances{Trust: trusting(t, root)}); len(report.Caveats) != 1 || !strings.Contains(report.Caveats[0], "common name") {
		t.Errorf("caveats: %q", report.Caveats)
	}
}

func TestAllThatIsWrongIsSaid(t *testing.T) {
	v := verdictOf(t, &certs.Set{}, newRoot(t, "Root").leaf(t, expired, func(c *x509.Certificate) { c.DNSNames = []string{"other"} }))
	wants(t, v, UnknownIssuer)
	var also []Cause
	for _, f := range v.Also {
		also = append(also, f.Cause)
	}
	if !slices.Equal(also, []Cause{Expired, WrongName}) {
		t.Errorf("also: %v", also)
	}
}

// Certificates that could each have issued many others take no time.
func TestSearchIsBounded(t *testing.T) {
	key := newKey(t)
	one, two := issue(t, nil, "One", key, isCA), issue(t, nil, "Two", key, isCA)
	chain := []*authority{one.leaf(t)}
	for range 15 {
		chain = append(chain, issue(t, two, "One", key, isCA), issue(t, one, "Two", key, isCA))
	}
	start := time.Now()
	wants(t, verdictOf(t, trusting(t, newRoot(t, "Other")), chain...), BadSignature)
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
}
