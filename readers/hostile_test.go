package readers

import (
	"slices"
	"testing"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/cases"
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/internal/roottest"
)

// A server may send 100 CAs of one name, each of which could have issued each
// other. Every reader judges it within seconds.
func TestHundredIssuersOfOneName(t *testing.T) {
	start := time.Now()
	ca := roottest.NewCA(t, "Loop")
	sent := parsed(t, [][]byte{ca.Issue(t, "server.test").Certificate[0]})
	for range 100 {
		sent = append(sent, parsed(t, [][]byte{ca.Intermediate(t, "Loop").DER})...)
	}
	for _, r := range All() {
		if v := r.Judge(sent, &certs.Set{}, "server.test", time.Now()); v.Trusted || v.Text == "" {
			t.Errorf("%s: %+v", r.ID, v)
		}
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
}

// A certificate with any content is judged without a crash.
func FuzzJudge(f *testing.F) {
	for _, c := range cases.Chains(f, time.Now()) {
		if slices.Contains([]string{"constraints", "strict", "keys"}, c.Group) {
			f.Add(c.Sent[0], c.Sent[len(c.Sent)-1])
		}
	}
	f.Fuzz(func(t *testing.T, leaf, issuer []byte) {
		a, err := certs.ParseCertificate(leaf)
		if err != nil {
			return
		}
		trust, sent := &certs.Set{}, []*certs.Certificate{a}
		if b, err := certs.ParseCertificate(issuer); err == nil {
			trust.Add(b, "")
			sent = append(sent, b)
		}
		for _, r := range All() {
			for _, host := range []string{"server.test", "127.0.0.1"} {
				if v := r.Judge(sent, trust, host, time.Now()); !v.Trusted && (v.Cause == "" || v.Text == "") {
					t.Errorf("%s: no cause: %+v", r.ID, v)
				}
			}
		}
	})
}

// A bundle with any content is read without a crash. Each loss has a path and a
// reason.
func FuzzLoad(f *testing.F) {
	const name = "etc/ssl/certs/ca-certificates.crt"
	_, stores := cases.Stores(f, time.Now())
	for _, s := range stores {
		if s.Group == "bundle" {
			f.Add([]byte(s.Files[name]))
		}
	}
	f.Fuzz(func(t *testing.T, bundle []byte) {
		read := newFiles(rootOf(cases.Store{Files: map[string]string{name: string(bundle)}}), pemfile.NewReader())
		for _, as := range []format{wholeFile, untilDamage, eachBlock, gnuTLSFile, erlangFile, rustFile, javaFile} {
			for _, d := range read.shelf(as, name).damage {
				if d.Path == "" || d.Why == "" {
					t.Errorf("%s: a damage without a path or a reason: %+v", as.name, d)
				}
			}
		}
	})
}
