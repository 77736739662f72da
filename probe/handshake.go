package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"github.com/certgraft/certgraft/certs"
)

// Connect opens a connection to t, asks for TLS in the way of the protocol, and
// makes the handshake. Failures are in the steps of the session.
func Connect(ctx context.Context, t Target, opt Options) *Session {
	if opt.Timeout <= 0 {
		opt.Timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, opt.Timeout)
	defer cancel()
	s := &Session{Target: t}
	if err := s.attempt(ctx, opt, tls.VersionTLS13); err != nil {
		s.attemptOlder(ctx, opt, err)
	}
	for i, raw := range s.Raw {
		c, err := certs.ParseCertificate(raw)
		if err != nil {
			s.odd = append(s.odd, fmt.Sprintf("certificate %d cannot be read: %v", i+1, err))
			if i == 0 {
				break // a chain without its leaf has no meaning
			}
			continue
		}
		s.sent = append(s.sent, c)
	}
	return s
}

// attempt makes one connection. It returns an error only if the handshake failed
// because of a feature that crypto/tls does not support, for example in a
// certificate.
func (s *Session) attempt(ctx context.Context, opt Options, highest uint16) error {
	c, err := s.open(ctx, opt)
	if err != nil {
		return nil //nolint:nilerr // the failure is a step of the session
	}
	defer func() { _ = c.Close() }()
	defer within(ctx, c)()
	if !s.offer(c) {
		return nil
	}
	// A server hangs if it waits for the greeting of another protocol. The
	// handshake gets half of the time, and the greeting the other half.
	handshake, cancel := ctx, func() {}
	if deadline, ok := ctx.Deadline(); ok && s.Target.Protocol.hello != nil {
		handshake, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
	}
	heard, err := s.handshake(handshake, c, highest)
	cancel()
	if err == nil || len(s.Raw) > 0 && s.TLS != nil {
		return nil
	}
	if failedHere(err) {
		return err
	}
	if s.speaksPlainly(ctx, opt) {
		return nil
	}
	s.fail("tls", s.handshakeFault(err, heard))
	return nil
}

// attemptOlder repeats the handshake with TLS 1.2, which does not encrypt the
// certificates. certgraft then reads a certificate that crypto/tls does not read.
func (s *Session) attemptOlder(ctx context.Context, opt Options, why error) {
	older := &Session{Target: s.Target}
	if err := older.attempt(ctx, opt, tls.VersionTLS12); err != nil || older.Raw == nil {
		s.fail("tls", &Fault{TLSFails, "the handshake needs what this program does not support: " + strings.TrimPrefix(why.Error(), "tls: "), "try openssl s_client"})
		return
	}
	*s = *older
}

// offer asks for TLS if the protocol requires it.
func (s *Session) offer(c *conn) bool {
	p := s.Target.Protocol
	if p.start == nil {
		s.done("offer", "nothing to ask: the client begins with TLS")
		return true
	}
	err := p.start(c.wire(s.Target.ServerName))
	if err == nil && c.r.Buffered() > 0 {
		err = nonsense{"it sends text after agreeing to TLS, which anyone on the way could have put there"}
	}
	if err == nil {
		s.done("offer", "the server speaks "+p.Name+" and agrees to TLS")
		return true
	}
	s.fail("offer", s.plainFault(err))
	return false
}

// plainFault says why the server did not agree to TLS.
func (s *Session) plainFault(err error) *Fault {
	p := s.Target.Protocol
	garbage, isNonsense := errors.AsType[nonsense](err)
	switch {
	case isWithoutTLS(err):
		return &Fault{NoTLS, err.Error(), p.cure}
	case isNonsense:
		return &Fault{Garbage, garbage.Error(), fmt.Sprintf("is it %s that listens on port %d? name the protocol with --starttls", p.Name, s.Target.Port)}
	case isTimeout(err):
		return &Fault{Hangs, "the port is open but the server does not say what " + p.Name + " servers say", "is it " + p.Name + "? a server that begins with TLS waits like this: --starttls none"}
	case isClosed(err):
		return &Fault{Closes, "the server hangs up before TLS", "its log says why; it may not take connections from here, or begin with TLS: --starttls none"}
	}
	return &Fault{Garbage, "before TLS: " + err.Error(), fmt.Sprintf("is it %s that listens on port %d? name the protocol with --starttls", p.Name, s.Target.Port)}
}

func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// recorder keeps the bytes that are read, up to a limit.
type recorder struct {
	net.Conn
	heard []byte
}

// Read reads and keeps bytes.
func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.heard = append(r.heard, p[:min(n, max(0, 1<<20-len(r.heard)))]...)
	return n, err
}

// handshake makes the handshake and keeps the certificates of the server.
func (s *Session) handshake(ctx context.Context, c *conn, highest uint16) (heard []byte, err error) {
	var plain net.Conn = c
	if s.Target.Protocol.frame != nil {
		plain = s.Target.Protocol.frame(c)
	}
	tap := &recorder{Conn: plain}
	asked := false
	client := tls.Client(tap, &tls.Config{
		ServerName:         s.Target.sni(),
		NextProtos:         s.Target.Protocol.alpn,
		InsecureSkipVerify: true, // the certificate is only judged, and no data is sent afterwards
		MinVersion:         tls.VersionTLS10,
		MaxVersion:         highest,
		CipherSuites:       everyCipher(),
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			s.Raw = raw
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked = true
			return &tls.Certificate{}, nil
		},
	})
	err = client.HandshakeContext(ctx)
	state := client.ConnectionState()
	if err != nil && s.Raw == nil {
		s.overhear(tap.heard, asked, err)
		return tap.heard, err
	}
	if err != nil && !asked {
		s.unfinished(highest, err)
		return tap.heard, err
	}
	s.TLS = &TLS{Version: versionName(state.Version, err), Cipher: cipherName(state.CipherSuite, err), ALPN: state.NegotiatedProtocol, ClientCertificate: asked}
	s.judgeTLS(state.Version, err)
	return tap.heard, err
}

// overhear takes the certificates from a handshake that crypto/tls gave up because
// of them. If the server ended the handshake, the certificates prove nothing,
// because the server has not shown that it has the key.
func (s *Session) overhear(heard []byte, asked bool, err error) {
	if !failedHere(err) {
		return
	}
	if s.Raw = certificatesIn(heard); s.Raw != nil {
		s.TLS = &TLS{Version: "TLS 1.2 or older", ClientCertificate: asked}
		s.done("tls", "the certificate was read from a handshake that this program cannot finish")
	}
}

// unfinished handles a handshake that failed after the certificates. If this side
// gave up, and an older TLS did not help, the certificates are judged all the
// same.
func (s *Session) unfinished(highest uint16, err error) {
	if !failedHere(err) || highest > tls.VersionTLS12 {
		s.Raw = nil
		return
	}
	s.TLS = &TLS{Version: "TLS 1.2 or older"}
	s.fail("tls", &Fault{TLSFails, "the TLS handshake fails: " + strings.TrimPrefix(err.Error(), "tls: "), "try openssl s_client"})
}

func versionName(version uint16, err error) string {
	if version == 0 && err != nil {
		return "TLS 1.2 or older"
	}
	return tls.VersionName(version)
}

func cipherName(cipher uint16, err error) string {
	if cipher == 0 && err != nil {
		return ""
	}
	return tls.CipherSuiteName(cipher)
}

// judgeTLS adds the step of a handshake that gave certificates.
func (s *Session) judgeTLS(version uint16, err error) {
	detail := s.TLS.Version
	if s.TLS.Cipher != "" {
		detail += ", " + s.TLS.Cipher
	}
	switch {
	case err != nil:
		detail += ", and the server demands a client certificate"
	case s.TLS.ClientCertificate:
		detail += ", and the server asks for a client certificate"
	}
	if version != 0 && version < tls.VersionTLS12 {
		s.fail("tls", &Fault{TLSTooOld, "the server speaks " + s.TLS.Version + " at most, which OpenSSL at level 2 and Go refuse", "let the server speak TLS 1.2 or 1.3"})
		return
	}
	s.done("tls", detail)
}

// everyCipher returns all ciphers of crypto/tls. A weak cipher must not end the
// handshake, because the verdict judges it.
func everyCipher() []uint16 {
	var ids []uint16
	for _, c := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		ids = append(ids, c.ID)
	}
	return ids
}

// failedHere reports whether crypto/tls gave up because of a feature that it does
// not support.
func failedHere(err error) bool {
	if _, ok := errors.AsType[*net.OpError](err); ok || err == nil {
		return false // a failure of the network, or an alert of the server
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return false
	}
	return strings.HasPrefix(err.Error(), "tls: ") && !strings.Contains(err.Error(), "unsupported protocol version")
}

// handshakeFault says why the handshake gave no certificates.
func (s *Session) handshakeFault(err error, heard []byte) *Fault {
	p := s.Target.Protocol
	alert, isAlert := alertIn(err)
	switch {
	case isTimeout(err) && len(heard) > 0 && heard[0] == 0x16:
		return &Fault{Hangs, "the server begins the TLS handshake and does not go on", "its log says why"}
	case isTimeout(err):
		return &Fault{Hangs, "the port is open but the server does not answer the TLS handshake", "does it speak TLS at once? name the protocol with --starttls: postgres, smtp …"}
	case len(heard) > 0 && heard[0] != 0x16 && heard[0] != 0x15:
		return plainServer(heard, p)
	case strings.Contains(err.Error(), "unsupported protocol version"), isAlert && alert == alertProtocolVersion:
		return &Fault{TLSTooOld, "the server and this program have no version of TLS in common: it is older than 1.0", "let the server speak TLS 1.2 or 1.3"}
	case isAlert && alert == alertUnrecognizedName:
		return &Fault{TLSFails, "the server does not know the name " + s.Target.ServerName, "give the name that its certificate is for with --servername"}
	case isAlert && alert == alertHandshakeFailure:
		return &Fault{TLSFails, "the server refuses the handshake: no cipher in common, or it has no certificate", "look at the ciphers and the certificate in the server's configuration"}
	case isAlert && alert == alertInternalError:
		return &Fault{TLSFails, "the server refuses the handshake: internal error", "its log says why; MongoDB Atlas answers like this to an address that is not on the project's access list"}
	case isAlert:
		return &Fault{TLSFails, "the server refuses the handshake: " + strings.TrimPrefix(alert.Error(), "tls: "), "its log says why"}
	case isClosed(err):
		return &Fault{Closes, "the server hangs up in the TLS handshake", "does it speak TLS at once? name the protocol with --starttls; else its log says why"}
	}
	return &Fault{TLSFails, "the TLS handshake fails: " + strings.TrimPrefix(err.Error(), "tls: "), "try openssl s_client"}
}

// alertIn returns the alert by which the server ended the handshake. crypto/tls
// has an unexported type for alerts, and AlertError for QUIC. Both have the same
// text.
func alertIn(err error) (tls.AlertError, bool) {
	remote, ok := errors.AsType[*net.OpError](err)
	if !ok || remote.Op != "remote error" {
		return 0, false
	}
	for alert := range 256 {
		if a := tls.AlertError(alert); a.Error() == remote.Err.Error() {
			return a, true
		}
	}
	return 0, false
}

// Alerts of TLS (RFC 8446, section 6).
const (
	alertHandshakeFailure tls.AlertError = 40
	alertProtocolVersion  tls.AlertError = 70
	alertInternalError    tls.AlertError = 80
	alertUnrecognizedName tls.AlertError = 112
)

// plainServers are the first bytes of servers that do not begin with TLS.
var plainServers = []struct{ prefix, what, cure string }{
	{"HTTP/", "plain HTTP", "use the port for https, usually 443"},
	{"220", "SMTP or FTP without TLS", "ask for it: --starttls smtp, or ftp"},
	{"* OK", "IMAP without TLS", "ask for it: --starttls imap"},
	{"+OK", "POP3 without TLS", "ask for it: --starttls pop3"},
	{"INFO {", "NATS, which greets first", "--starttls nats"},
	{"<?xml", "XMPP", "--starttls xmpp"},
	{"<stream", "XMPP", "--starttls xmpp"},
	{"SSH-", "SSH", "SSH has no certificates of this kind"},
	{"-ERR", "Redis without TLS", "set tls-port in redis.conf"},
	{"AMQP", "AMQP without TLS", "use the port for TLS, usually 5671"},
}

// plainServer identifies a server that answers a handshake with another protocol.
func plainServer(heard []byte, p *Protocol) *Fault {
	for _, known := range plainServers {
		if strings.HasPrefix(string(heard), known.prefix) {
			return &Fault{NoTLS, "the server does not begin with TLS: it speaks " + known.what, known.cure}
		}
	}
	if len(heard) > 5 && heard[3] == 0 && heard[4] == 10 {
		return &Fault{NoTLS, "the server does not begin with TLS: it speaks MySQL's protocol", "--starttls mysql"}
	}
	return &Fault{Garbage, "the server answers the TLS handshake with " + quote(string(heard[:min(len(heard), 40)])), p.cure}
}

// speaksPlainly greets a server without TLS in its protocol, after a handshake
// failed. If the server answers, speaksPlainly adds the step.
func (s *Session) speaksPlainly(ctx context.Context, opt Options) bool {
	p := s.Target.Protocol
	if p.hello == nil {
		return false
	}
	c, err := (&Session{Target: s.Target}).open(ctx, opt)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }()
	defer within(ctx, c)()
	plain, err := p.hello(c.wire(s.Target.ServerName))
	if err != nil || !plain {
		return false
	}
	s.Steps = s.Steps[:len(s.Steps)-1] // the offer, which was wrong
	s.fail("offer", &Fault{NoTLS, "the server speaks " + p.Name + " without TLS on this port", p.cure})
	return true
}

// certificatesIn finds the message Certificate in the records of a handshake. Up
// to TLS 1.2 the message is not encrypted (RFC 5246, section 7.4.2).
func certificatesIn(records []byte) [][]byte {
	const handshake, certificate = 22, 11
	var messages []byte
	in := cryptobyte.String(records)
	for {
		var kind uint8
		var version uint16
		var body cryptobyte.String
		if !in.ReadUint8(&kind) || !in.ReadUint16(&version) || !in.ReadUint16LengthPrefixed(&body) || kind != handshake {
			break
		}
		messages = append(messages, body...)
	}
	in = messages
	for {
		var kind uint8
		var body cryptobyte.String
		if !in.ReadUint8(&kind) || !in.ReadUint24LengthPrefixed(&body) {
			return nil
		}
		if kind == certificate {
			return certificateList(body)
		}
	}
}

func certificateList(body cryptobyte.String) [][]byte {
	var list cryptobyte.String
	if !body.ReadUint24LengthPrefixed(&list) || !body.Empty() {
		return nil
	}
	var found [][]byte
	for !list.Empty() {
		var der cryptobyte.String
		if !list.ReadUint24LengthPrefixed(&der) {
			return nil
		}
		found = append(found, der)
	}
	return found
}
