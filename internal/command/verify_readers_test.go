package command

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/cases"
	"github.com/certgraft/certgraft/readers"
)

// debianReaders is a Debian root that trusts the CAs of a case, with readers in it.
func debianReaders(t *testing.T, c cases.Chain) fstest.MapFS {
	t.Helper()
	var bundle []byte
	for _, der := range c.Trust {
		ca, err := certs.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		bundle = ca.AppendPEM(bundle)
	}
	program := &fstest.MapFile{Mode: 0o755}
	return fstest.MapFS{
		"etc/ssl/certs/ca-certificates.crt": {Data: bundle}, "usr/lib/ssl/cert.pem": {Mode: fs.ModeSymlink | 0o777, Data: []byte("/etc/ssl/certs/ca-certificates.crt")},
		"usr/bin/python3.11": program, "usr/bin/python3.13": program, "usr/bin/curl": program, "usr/local/bin/node": program, "usr/lib/x86_64-linux-gnu/libssl.so.3": program,
		"usr/lib/erlang/releases/27/OTP_VERSION": program, "usr/local/go/bin/go": program,
	}
}

// trustOf is the trust of a tree.
func trustOf(root fstest.MapFS, environ map[string]string) *trust {
	t := (&trustOptions{}).newTrust()
	t.at = &place{name: "root", root: root, options: installer.Options{Environ: environ}}
	t.look()
	return t
}

func caseOf(t *testing.T, c cases.Chain, now time.Time) readers.Case {
	t.Helper()
	out := readers.Case{Host: c.Host, At: now}
	for _, der := range c.Sent {
		parsed, err := certs.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		out.Sent = append(out.Sent, parsed)
	}
	return out
}

// Each refusing reader of a root is named with its own reason.
func TestReaderCaveats(t *testing.T) {
	now := time.Now()
	const node, damaged = "Node (/usr/local/bin/node) refuses: the issuer", "-----BEGIN CERTIFICATE-----\n@@@@\n-----END CERTIFICATE-----\n"
	tests := []struct {
		id     string
		bundle string // that follows the CAs
		want   []string
	}{
		{"plain", "", []string{node}},
		{"leaf-no-aki", "", []string{"Python's ssl 3.13 (/usr/bin/python3.13) refuses: the certificate of server.certgraft.test has no authority key identifier", node}}, // R4
		{"directory-permitted", "", []string{node, "go"}}, // R5
		{"cn-only", "", []string{"Go (/usr/local/go/bin/go); Erlang 27 (/usr/lib/erlang) refuse: the certificate is not for server.certgraft.test", node}}, // R6
		{"wildcard", "", []string{"Erlang 27 (/usr/lib/erlang) refuses: the certificate is not for a.wild.certgraft.test", node}},                          // R7
		{"self-signed", "", []string{"Erlang 27 (/usr/lib/erlang) refuses: the server's certificate names itself", "Node"}},                                // R3
		{"plain", damaged, []string{"Go (/usr/local/go/bin/go); Erlang 27 (/usr/lib/erlang) trust it: it reads /etc/ssl/certs/ca-certificates.crt"}},       // R2
	}
	for _, c := range cases.Chains(t, now) {
		for _, test := range tests {
			if test.id != c.ID {
				continue
			}
			root := debianReaders(t, c)
			file := root["etc/ssl/certs/ca-certificates.crt"]
			file.Data = append(slices.Clip(file.Data), test.bundle...)
			got := trustOf(root, map[string]string{"PATH": "/usr/local/go/bin"}).ask(caseOf(t, c, now), nil).others()
			for _, want := range test.want {
				if !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(strings.ToLower(line), strings.ToLower(want)) }) {
					t.Errorf("%s: no line begins with %q: %q", c.ID, want, got)
				}
			}
			if len(got) != len(test.want) {
				t.Errorf("%s: %d lines, want %d: %q", c.ID, len(got), len(test.want), got)
			}
		}
	}
}

// A certificate of --with counts as if it were installed.
func TestReaderCaveatsWith(t *testing.T) {
	now := time.Now()
	c := cases.Chains(t, now)[0]
	root := debianReaders(t, c)
	root["etc/ssl/certs/ca-certificates.crt"].Data = nil
	ca, err := certs.ParseCertificate(c.Trust[0])
	if err != nil {
		t.Fatal(err)
	}
	tr := trustOf(root, nil)
	tr.with.Add(ca, "ca.pem")
	if got := tr.ask(caseOf(t, c, now), nil); !got.verdict().Trusted || len(got.others()) > 0 {
		t.Errorf("%+v, others %q", got.verdict().Fault, got.others())
	}
}
