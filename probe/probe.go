// Package probe connects to a server as a client would, and says why the client
// does not trust it.
//
// Start with [ParseTarget], which finds the protocol of a host, an address or a
// URL. [Connect] then opens the port, asks for TLS in the way of that protocol,
// and makes the handshake; it sends no data. [Session.Judge] builds a chain from
// the server's certificates to the CAs that a client trusts. It judges the chain
// by the rules of a reader, by default OpenSSL at security level 2. Its [Report]
// has every step with its outcome, the chain, and a verdict with cause and cure.
//
// Some certificates are accepted by OpenSSL and refused by crypto/x509. They are
// judged too: package certs reads names, dates, keys and signatures itself.
//
// The API may change before version 1.0.
package probe

import (
	"context"
	"net"
	"net/url"
	"time"

	"github.com/certgraft/certgraft/certs"
)

// Options say how to reach a server. The zero value is a direct connection with a
// limit of 10 seconds.
type Options struct {
	Timeout time.Duration // for the whole conversation
	Proxy   *url.URL      // an http proxy for CONNECT, or nil
	Network string        // "tcp", "tcp4" or "tcp6"; "" is "tcp"

	// Dial opens a connection to an address; nil means a [net.Dialer].
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// defaultTimeout is the default limit for the whole conversation.
const defaultTimeout = 10 * time.Second

// Outcome says how a step ended.
type Outcome string

// The outcomes.
const (
	OK      Outcome = "ok"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped"
)

// Step is one condition for a conversation between client and server.
type Step struct {
	Name    string  `json:"name"` // resolve, connect, offer, tls, chain, trust, dates, purpose, strength or name
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail"`
}

// TLS is the result of the negotiation.
type TLS struct {
	Version           string `json:"version"`
	Cipher            string `json:"cipher"`
	ALPN              string `json:"alpn,omitzero"`
	ClientCertificate bool   `json:"clientCertificate"` // the server asked for a client certificate
}

// Session is a conversation with a server, up to its certificates.
type Session struct {
	Target  Target
	Address string // the connected address: of the proxy, if one is set
	Steps   []Step
	TLS     *TLS     // nil without a handshake
	Raw     [][]byte // the server's certificates, in their order

	fault *Fault // the fault that ended the session; nil after a handshake
	sent  []*certs.Certificate
	odd   []string // faults of unreadable certificates in Raw
}

// done adds a step that went well.
func (s *Session) done(name, detail string) {
	s.Steps = append(s.Steps, Step{Name: name, Outcome: OK, Detail: detail})
}

// fail adds a step that ended the conversation.
func (s *Session) fail(name string, f *Fault) {
	s.Steps = append(s.Steps, Step{Name: name, Outcome: Failed, Detail: f.Text})
	s.fault = f
}

// cipher returns the agreed cipher, or "" without a handshake.
func (s *Session) cipher() string {
	if s.TLS == nil {
		return ""
	}
	return s.TLS.Cipher
}

// Sent returns the readable certificates of the server, its own first.
func (s *Session) Sent() []*certs.Certificate { return s.sent }
