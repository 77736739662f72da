// Package probe connects to a server as a client would, and says why it is not
// trusted.
//
// Start with [ParseTarget], which finds out from a host, an address or a URL
// what is to be spoken. [Connect] then opens the port, asks for TLS in that
// protocol's own way and makes the handshake; no data is sent. [Session.Judge]
// builds a chain from what the server sent to what a client trusts, and judges
// it as OpenSSL does at its security level 2. Its [Report] has every step with
// its outcome, the chain, and a verdict with cause and cure.
//
// Certificates that crypto/x509 refuses and OpenSSL takes are judged all the
// same: names, dates, keys and signatures are read by a walk of our own.
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

// Options say how a server is reached. The zero value is a direct connection
// within ten seconds.
type Options struct {
	Timeout time.Duration // of the whole conversation
	Proxy   *url.URL      // an http proxy that is asked to CONNECT, or nil
	Network string        // "tcp", "tcp4" or "tcp6"; "" is "tcp"

	// Dial opens a connection to an address; nil is a [net.Dialer].
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// defaultTimeout is how long a server may take where nothing else is said.
const defaultTimeout = 10 * time.Second

// Outcome says how a step ended.
type Outcome string

// The outcomes.
const (
	OK      Outcome = "ok"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped"
)

// Step is one thing that has to work before a client talks to a server.
type Step struct {
	Name    string  `json:"name"` // resolve, connect, offer, tls, chain, trust, dates, purpose, strength or name
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail"`
}

// TLS is what was negotiated.
type TLS struct {
	Version           string `json:"version"`
	Cipher            string `json:"cipher"`
	ALPN              string `json:"alpn,omitzero"`
	ClientCertificate bool   `json:"clientCertificate"` // the server asked for one
}

// Session is a conversation with a server, up to its certificates.
type Session struct {
	Target  Target
	Address string // that was connected to, the proxy's where there is one
	Steps   []Step
	TLS     *TLS     // nil if there was no handshake
	Raw     [][]byte // what the server sent as certificates, in order

	fault *Fault // what ended it, nil if the handshake was made
	sent  []*certs.Certificate
	odd   []string // what of Raw cannot be read
}

// done adds a step that ended well.
func (s *Session) done(name, detail string) {
	s.Steps = append(s.Steps, Step{Name: name, Outcome: OK, Detail: detail})
}

// fail adds a step that ended the conversation.
func (s *Session) fail(name string, f *Fault) {
	s.Steps = append(s.Steps, Step{Name: name, Outcome: Failed, Detail: f.Text})
	s.fault = f
}

// cipher returns the cipher that was agreed on, "" if there was no handshake.
func (s *Session) cipher() string {
	if s.TLS == nil {
		return ""
	}
	return s.TLS.Cipher
}

// Sent returns the certificates that the server sent, its own first, as far as they
// can be read.
func (s *Session) Sent() []*certs.Certificate { return s.sent }
