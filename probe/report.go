package probe

import (
	"time"

	"github.com/certgraft/certgraft/certs"
)

// Status is the result of a verdict.
type Status string

// The verdicts.
const (
	Trusted    Status = "trusted"
	NotTrusted Status = "not trusted"
	Undecided  Status = "undecided"
)

// Verdict says in one line whether a client would trust the server. If not, it
// says why and what to do.
type Verdict struct {
	Status Status  `json:"status"`
	Cause  Cause   `json:"cause,omitzero"`
	Text   string  `json:"text"`
	Cure   string  `json:"cure,omitzero"`
	Also   []Fault `json:"also,omitzero"` // further faults
}

// Certificate is one member of the chain.
type Certificate struct {
	Fingerprint string    `json:"fingerprint"`
	Subject     string    `json:"subject"`
	Issuer      string    `json:"issuer"`
	NotBefore   time.Time `json:"notBefore"`
	NotAfter    time.Time `json:"notAfter"`
	Key         string    `json:"key"`       // RSA 2048, EC P-256 …
	Signature   string    `json:"signature"` // SHA256-RSA …
	Sent        bool      `json:"sent"`      // by the server
	TrustedBy   []string  `json:"trustedBy,omitzero"`
}

// Report is everything that certgraft found out about a server.
type Report struct {
	Host       string        `json:"host"`
	Port       uint16        `json:"port"`
	Address    string        `json:"address,omitzero"`
	Protocol   string        `json:"protocol"`
	ServerName string        `json:"serverName"`
	Steps      []Step        `json:"steps"`
	TLS        *TLS          `json:"tls,omitzero"`
	Chain      []Certificate `json:"chain,omitzero"`  // leaf first
	Unused     []Certificate `json:"unused,omitzero"` // certificates of the server that the chain does not use
	Verdict    Verdict       `json:"verdict"`
	Caveats    []string      `json:"caveats,omitzero"` // judgements of others that differ
}

// describe returns a certificate for the report.
func (j *judge) describe(l *link) Certificate {
	return Certificate{
		Fingerprint: l.Fingerprint().String(), Subject: l.Subject(), Issuer: l.Issuer(), NotBefore: l.NotBefore(), NotAfter: l.NotAfter(),
		Key: l.Key.Kind, Signature: l.Algorithm.Scheme().Name, Sent: j.wasSent(l), TrustedBy: j.trust.Sources(l.Fingerprint()),
	}
}

func (j *judge) wasSent(l *link) bool {
	for _, c := range j.session.sent {
		if c.Fingerprint() == l.Fingerprint() {
			return true
		}
	}
	return false
}

// unused returns the server's certificates outside the chain, each once.
func (j *judge) unused(p path) []Certificate {
	inPath := map[certs.Fingerprint]bool{}
	for _, l := range p.links {
		inPath[l.Fingerprint()] = true
	}
	var rest []Certificate
	for _, c := range j.session.sent {
		if !inPath[c.Fingerprint()] {
			rest = append(rest, j.describe(newLink(c)))
			inPath[c.Fingerprint()] = true
		}
	}
	return rest
}
