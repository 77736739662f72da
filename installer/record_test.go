package installer

import (
	"fmt"
	"slices"
	"testing"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
)

// TestRecordFindsCertificates looks for each certificate after edits that move it.
func TestRecordFindsCertificates(t *testing.T) {
	var all []*certs.Certificate
	for i := range 8 {
		c, err := certs.ParseCertificate(roottest.NewCA(t, fmt.Sprint("Root ", i)).DER)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	r := &record{}
	check := func(after string, gone ...int) {
		t.Helper()
		for i, c := range all {
			entry := r.cert(c.Fingerprint())
			if found := entry != nil && entry.Fingerprint == c.Fingerprint().String(); found == slices.Contains(gone, i) {
				t.Errorf("after %s: certificate %d found: %v", after, i, found)
			}
		}
	}
	check("nothing", 0, 1, 2, 3, 4, 5, 6, 7)
	for _, c := range all[:6] {
		r.note(c, "source")
	}
	check("six were noted", 6, 7)
	r.sort()
	check("sorting", 6, 7)
	first := all[0].Fingerprint().String()
	r.Certificates = slices.DeleteFunc(r.Certificates, func(c recordedCert) bool { return c.Fingerprint == first })
	r.note(all[6], "source")
	check("one went and one came", 0, 7)
	r.note(all[7], "source")
	r.note(all[0], "source")
	check("all were noted")
	if len(r.Certificates) != len(all) {
		t.Errorf("%d entries for %d certificates", len(r.Certificates), len(all))
	}
}
