package probe

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certgraft/certgraft/internal/roottest"
)

func dialer(running *sync.WaitGroup, handle func(net.Conn)) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		running.Go(func() {
			defer server.Close()
			handle(server)
		})
		return client, nil
	}
}

// script plays the plain part of a server: it sends the parts at even positions
// and expects those at odd ones.
func script(parts ...string) func(net.Conn) error {
	return func(c net.Conn) error {
		for i, part := range parts {
			if i%2 == 0 && part == "" {
				continue // on a pipe an empty write would wait for a reader
			}
			if i%2 == 0 {
				if _, err := io.WriteString(c, part); err != nil {
					return err
				}
				continue
			}
			if err := expect(c, part); err != nil {
				return err
			}
		}
		return nil
	}
}

// expect reads, byte by byte, up to the end of text.
func expect(c net.Conn, text string) error {
	var heard strings.Builder
	one := make([]byte, 1)
	for !strings.HasSuffix(heard.String(), text) {
		if _, err := io.ReadFull(c, one); err != nil {
			return fmt.Errorf("want %q, heard %q: %w", text, heard.String(), err)
		}
		heard.Write(one)
	}
	return nil
}

const sslRequest = "\x00\x00\x00\x08\x04\xd2\x16\x2f"

// greeting is the greeting of MySQL, with or without the capability for TLS.
func greeting(capabilities uint16) string {
	body := "\x0a8.4.0\x00\x01\x00\x00\x00nonce678\x00" + string(binary.LittleEndian.AppendUint16(nil, capabilities)) + "\x2d\x02\x00\xff\xff"
	return string([]byte{byte(len(body)), 0, 0, 0}) + body
}

// prelogin is the answer of SQL Server with this value of ENCRYPTION.
func prelogin(encryption byte) string {
	return "\x04\x01\x00\x1a\x00\x00\x01\x00" + "\x00\x00\x0b\x00\x06\x01\x00\x11\x00\x01\xff" + "\x10\x00\x00\x00\x00\x00" + string([]byte{encryption})
}

const ldapRequest = "1.3.6.1.4.1.1466.20037"

// dialogues play each protocol up to the handshake, and a server without TLS.
var dialogues = []struct {
	protocol       string
	offers, denies []string
}{
	{"postgres", []string{"", sslRequest, "S"}, []string{"", sslRequest, "N"}},
	{"mysql", []string{greeting(mysqlSSL), strings.Repeat("\x00", 23)}, []string{greeting(0)}},
	{"smtp", []string{"220-mx.test\r\n220 ESMTP\r\n", "\r\n", "250-mx.test\r\n250-SIZE 100\r\n250-STARTTLS\r\n250 HELP\r\n", "STARTTLS\r\n", "220 go ahead\r\n"},
		[]string{"220 mx.test ESMTP\r\n", "\r\n", "250-mx.test\r\n250 SIZE 100\r\n"}},
	{"imap", []string{"* OK ready\r\n", "a1 STARTTLS\r\n", "* CAPABILITY IMAP4rev1\r\na1 OK begin\r\n"}, []string{"* OK ready\r\n", "a1 STARTTLS\r\n", "a1 BAD no\r\n"}},
	{"pop3", []string{"+OK ready\r\n", "STLS\r\n", "+OK begin\r\n"}, []string{"+OK ready\r\n", "STLS\r\n", "-ERR no\r\n"}},
	{"ftp", []string{"220-hello\r\n stranger\r\n220 ready\r\n", "AUTH TLS\r\n", "234 proceed\r\n"}, []string{"220 ready\r\n", "AUTH TLS\r\n", "530 no\r\n"}},
	{"ldap", []string{"", ldapRequest, "\x30\x84\x00\x00\x00\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"},
		[]string{"", ldapRequest, "\x30\x0e\x02\x01\x01\x78\x09\x0a\x01\x02\x04\x00\x04\x02no"}},
	{"xmpp", []string{"", "version='1.0'", "", "'>", "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>", "/>", "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"},
		[]string{"", "'>", "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'><stream:features><bind/></stream:features>"}},
	{"xmpp-server", []string{"", "version='1.0'", "", "'>", "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>", "/>", "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"},
		[]string{"", "'>", "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'><stream:features><bind/></stream:features>"}},
	{"nats", []string{`INFO {"server_id":"x","tls_required":true}` + "\r\n"}, []string{`INFO {"server_id":"x"}` + "\r\n"}},
	{"mssql", []string{"", "\x0b\x00\x00\x00\x00\x00\x01", prelogin(1)}, []string{"", "\x0b\x00\x00\x00\x00\x00\x01", prelogin(2)}},
	{"tls", nil, nil},
	{"redis", nil, nil},
	{"mongodb", nil, nil},
	{"amqp", nil, nil},
	{"mqtts", nil, nil},
}

// withoutStart answers a greeting and closes the connection on a TLS handshake. A
// server of HTTP answers the handshake too.
func withoutStart(protocol string) func(net.Conn) {
	answers := map[string]string{
		"redis":   "-NOAUTH Authentication required.\r\n",
		"amqp":    "\x01\x00\x00\x00\x00\x01",
		"mqtts":   "\x20\x02\x00\x05",
		"mongodb": "\x30\x00\x00\x00\x07\x00\x00\x00\x01\x00\x00\x00\xdd\x07\x00\x00",
	}
	return func(c net.Conn) {
		r := bufio.NewReader(c)
		first, err := r.Peek(5)
		if err != nil {
			return
		}
		_, _ = r.Discard(r.Buffered())
		switch {
		case protocol == "tls":
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		case first[0] != 0x16:
			_, _ = io.WriteString(c, answers[protocol])
		}
	}
}

// connected is a session with a server that plays a dialogue and then speaks
// TLS.
func connected(t *testing.T, protocol string, dialogue []string, config *tls.Config) *Session {
	t.Helper()
	opt := serving(t, func(c net.Conn) {
		if err := script(dialogue...)(c); err != nil {
			t.Errorf("the client did not play its part: %v", err)
			return
		}
		if protocol == "mssql" {
			c = &tdsConn{conn: newConn(c)}
		}
		over := tls.Server(c, config)
		_ = over.Handshake() // refusing clients are the point
		_, _ = io.Copy(io.Discard, over)
	})
	target, err := ParseTarget("127.0.0.1", protocol)
	if err != nil {
		t.Fatal(err)
	}
	target.ServerName = "db.test"
	return Connect(t.Context(), target, opt)
}

func judged(s *Session, c Circumstances) *Report {
	c.Now, c.Whose, c.Install = today, "this system", "certgraft install"
	return s.Judge(c)
}

func TestEachProtocolBringsCertificates(t *testing.T) {
	root := newRoot(t, "Root")
	leaf := root.leaf(t)
	for _, d := range dialogues {
		t.Run(d.protocol, func(t *testing.T) {
			config := tlsConfig(leaf)
			if d.protocol == "mssql" {
				config.MaxVersion = tls.VersionTLS12 // as real servers before TDS 8
			}
			report := judged(connected(t, d.protocol, d.offers, config), Circumstances{Trust: trusting(t, root)})
			if report.Verdict.Status != Trusted || report.Protocol != d.protocol {
				t.Errorf("%+v\n%+v", report.Verdict, report.Steps)
			}
		})
	}
}

func TestEachProtocolWithoutTLS(t *testing.T) {
	for _, d := range dialogues {
		t.Run(d.protocol, func(t *testing.T) {
			handle := withoutStart(d.protocol)
			if d.denies != nil {
				handle = func(c net.Conn) {
					if err := script(d.denies...)(c); err != nil {
						t.Error(err)
					}
					_, _ = io.Copy(io.Discard, c)
				}
			}
			verdict := against(t, d.protocol, handle).Verdict
			if verdict.Cause != NoTLS || verdict.Status != NotTrusted || verdict.Cure == "" {
				t.Errorf("%+v", verdict)
			}
		})
	}
}

// against is the report on a server played by handle.
func against(t *testing.T, protocol string, handle func(net.Conn)) *Report {
	t.Helper()
	target, err := ParseTarget("127.0.0.1", protocol)
	if err != nil {
		t.Fatal(err)
	}
	return judged(Connect(t.Context(), target, serving(t, handle)), Circumstances{})
}

func TestServersThatMisbehave(t *testing.T) {
	hang := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	behaviours := map[string]struct {
		handle func(net.Conn)
		cause  Cause
	}{
		"hangs":   {hang, Hangs},
		"closes":  {func(net.Conn) {}, Closes},
		"garbage": {func(c net.Conn) { go hang(c); _, _ = io.WriteString(c, "\x00\x00\x00\x01garbage\r\n") }, Garbage},
		"floods": {func(c net.Conn) {
			go hang(c)
			for {
				if _, err := io.WriteString(c, strings.Repeat("x", 1024)); err != nil {
					return
				}
			}
		}, Garbage},
	}
	for name, b := range behaviours {
		for _, d := range dialogues {
			t.Run(name+"/"+d.protocol, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					start := time.Now()
					verdict := against(t, d.protocol, b.handle).Verdict
					if verdict.Status != Undecided || verdict.Cause != b.cause || verdict.Cure == "" {
						t.Errorf("want %s: %+v", b.cause, verdict)
					}
					if took := time.Since(start); took > defaultTimeout {
						t.Errorf("it took %v", took)
					}
				})
			})
		}
	}
}

// A server that takes the handshake for an unfinished command is greeted in time.
func TestPlainRedisThatHangsOnAHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verdict := against(t, "redis", func(c net.Conn) {
			r := bufio.NewReader(c)
			if first, err := r.Peek(1); err == nil && first[0] == 'P' {
				_, _ = r.Discard(6)
				_, _ = io.WriteString(c, "+PONG\r\n")
			}
			_, _ = io.Copy(io.Discard, r)
		}).Verdict
		if verdict.Cause != NoTLS {
			t.Errorf("%+v", verdict)
		}
	})
}

func TestTextBehindTheAgreementIsRefused(t *testing.T) {
	verdict := against(t, "smtp", func(c net.Conn) {
		_ = script("220 x\r\n", "\r\n", "250 STARTTLS\r\n", "STARTTLS\r\n", "220 go\r\n250 injected\r\n")(c)
	}).Verdict
	if verdict.Cause != Garbage || !strings.Contains(verdict.Text, "after agreeing to TLS") {
		t.Errorf("%+v", verdict)
	}
}

func TestXMPPServerThatDoesNotHaveTheHost(t *testing.T) {
	verdict := against(t, "xmpp", func(c net.Conn) {
		_ = script("", "'>", "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'><stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text>no such host</text></stream:error>")(c)
		_, _ = io.Copy(io.Discard, c)
	}).Verdict
	if verdict.Status != Undecided || !strings.Contains(verdict.Text, "host-unknown: no such host") {
		t.Errorf("%+v", verdict)
	}
}

func TestClientCertificateDoesNotChangeTheVerdict(t *testing.T) {
	root := newRoot(t, "Root")
	leaf := root.leaf(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := tlsConfig(leaf)
		config.ClientAuth, config.MaxVersion = tls.RequireAnyClientCert, version
		report := judged(connected(t, "tls", nil, config), Circumstances{Trust: trusting(t, root)})
		if report.Verdict.Status != Trusted || !report.TLS.ClientCertificate {
			t.Errorf("%s: %+v %+v", tls.VersionName(version), report.Verdict, report.TLS)
		}
	}
}

func TestOldTLS(t *testing.T) {
	root := newRoot(t, "Root")
	for version, cause := range map[uint16]Cause{tls.VersionTLS10: TLSTooOld, tls.VersionTLS11: TLSTooOld, tls.VersionTLS12: "", tls.VersionTLS13: ""} {
		config := tlsConfig(root.leaf(t))
		config.MinVersion, config.MaxVersion = version, version
		report := judged(connected(t, "tls", nil, config), Circumstances{Trust: trusting(t, root)})
		if report.Verdict.Cause != cause || len(report.Chain) != 2 {
			t.Errorf("%s: %+v", tls.VersionName(version), report.Verdict)
		}
	}
}

func TestALPNOfDirectPostgres(t *testing.T) {
	root := newRoot(t, "Root")
	config := tlsConfig(root.leaf(t))
	config.NextProtos = []string{"postgresql"}
	if report := judged(connected(t, "postgres-direct", nil, config), Circumstances{Trust: trusting(t, root)}); report.TLS == nil || report.TLS.ALPN != "postgresql" {
		t.Errorf("%+v", report.TLS)
	}
}

func TestCertificateThatGoDoesNotRead(t *testing.T) {
	root := newRoot(t, "Root")
	leaf := root.leaf(t).negative(t, root)
	report := judged(connected(t, "tls", nil, tlsConfig(leaf)), Circumstances{Trust: trusting(t, root)})
	if report.Verdict.Status != Trusted {
		t.Errorf("%+v\n%+v", report.Verdict, report.Steps)
	}
	if len(report.Caveats) != 1 || !strings.Contains(report.Caveats[0], "negative serial") {
		t.Errorf("caveats: %q", report.Caveats)
	}
}

func TestTLS13OnlyWithCertificateThatGoDoesNotRead(t *testing.T) {
	root := newRoot(t, "Root")
	config := tlsConfig(root.leaf(t).negative(t, root))
	config.MinVersion = tls.VersionTLS13
	verdict := judged(connected(t, "tls", nil, config), Circumstances{Trust: trusting(t, root)}).Verdict
	if verdict.Cause != TLSFails || verdict.Status != Undecided || !strings.Contains(verdict.Text, "certificate") {
		t.Errorf("%+v", verdict)
	}
}

func TestCertificateThatNobodyReads(t *testing.T) {
	root := newRoot(t, "Root")
	leaf, damaged := root.leaf(t), &authority{der: []byte("\x30\x03not")}
	verdict := judged(connected(t, "tls", nil, tlsConfig(&authority{der: damaged.der, key: leaf.key})), Circumstances{Trust: trusting(t, root)}).Verdict
	if verdict.Cause != Unreadable || verdict.Status != NotTrusted || !strings.Contains(verdict.Text, "certificate 1") {
		t.Errorf("%+v", verdict)
	}
	report := judged(connected(t, "tls", nil, tlsConfig(leaf, damaged)), Circumstances{Trust: trusting(t, root)})
	if report.Verdict.Status != Trusted || len(report.Caveats) != 1 || !strings.Contains(report.Caveats[0], "certificate 2 cannot be read") {
		t.Errorf("%+v %q", report.Verdict, report.Caveats)
	}
}

// borrowed is a key with wrong signatures, like a key that does not belong to the
// certificate.
type borrowed struct{ crypto.Signer }

func (b borrowed) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	wrong := bytes.Clone(digest)
	wrong[0]++
	return b.Signer.Sign(random, wrong, opts)
}

func TestServerWithoutTheKeyOfItsCertificate(t *testing.T) {
	root := newRoot(t, "Root")
	leaf := root.leaf(t)
	leaf.key = borrowed{leaf.key}
	report := judged(connected(t, "tls", nil, tlsConfig(leaf)), Circumstances{Trust: trusting(t, root)})
	if report.Verdict.Cause != TLSFails || report.Verdict.Status != Undecided || len(report.Chain) != 2 {
		t.Errorf("%+v", report.Verdict)
	}
	verdict := judged(connected(t, "tls", nil, tlsConfig(leaf)), Circumstances{}).Verdict
	if verdict.Cause != UnknownIssuer || verdict.Status != NotTrusted || len(verdict.Also) != 1 || verdict.Also[0].Cause != TLSFails {
		t.Errorf("%+v", verdict)
	}
}

func TestWeakCipherIsSaid(t *testing.T) {
	root := newRoot(t, "Root")
	config := tlsConfig(root.leaf(t))
	config.MaxVersion, config.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA}
	report := judged(connected(t, "tls", nil, config), Circumstances{Trust: trusting(t, root)})
	if report.Verdict.Status != Trusted || len(report.Caveats) != 1 || !strings.Contains(report.Caveats[0], "RC4") {
		t.Errorf("%+v %q", report.Verdict, report.Caveats)
	}
}

func TestClosedPort(t *testing.T) {
	target, err := ParseTarget(roottest.ClosedPort(t), "")
	if err != nil {
		t.Fatal(err)
	}
	report := judged(Connect(t.Context(), target, Options{}), Circumstances{})
	if report.Verdict.Cause != PortClosed || !strings.Contains(report.Verdict.Text, "refused") {
		t.Errorf("%+v", report.Verdict)
	}
	if skipped := report.Steps[len(report.Steps)-1]; skipped.Name != "name" || skipped.Outcome != Skipped {
		t.Errorf("%+v", report.Steps)
	}
}

func TestUnreachableAddressIsNotSilent(t *testing.T) {
	target, _ := ParseTarget("127.0.0.1", "")
	fail := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no such luck") }
	if v := judged(Connect(t.Context(), target, Options{Dial: fail}), Circumstances{}).Verdict; v.Cause != PortClosed || !strings.Contains(v.Text, "no such luck") {
		t.Errorf("%+v", v)
	}
}
