package probe

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/crypto/cryptobyte"
)

// handshakeRecord is a TLS 1.2 record with one message of a handshake.
func handshakeRecord(kind uint8, body func(*cryptobyte.Builder)) []byte {
	var b cryptobyte.Builder
	b.AddUint8(22)
	b.AddUint16(tls.VersionTLS12)
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint8(kind)
		b.AddUint24LengthPrefixed(body)
	})
	return b.BytesOrPanic()
}

// certificateAlone begins a TLS 1.2 handshake and stops after the message
// Certificate. Its hello promises an OCSP answer, so the client waits for that
// before it reads the certificate.
func certificateAlone(leaf *authority) []byte {
	hello := handshakeRecord(2, func(b *cryptobyte.Builder) {
		b.AddUint16(tls.VersionTLS12)
		b.AddBytes(make([]byte, 32))
		b.AddUint8(0) // no session
		b.AddUint16(tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
		b.AddUint8(0) // no compression
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			b.AddUint16(5) // status_request
			b.AddUint16(0)
		})
	})
	return slices.Concat(hello, handshakeRecord(11, func(b *cryptobyte.Builder) {
		b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
			b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(leaf.der) })
		})
	}))
}

// A server that stops after its certificate has not proved that it owns the
// certificate. So there is no verdict.
func TestServerThatStopsBehindItsCertificate(t *testing.T) {
	root := newRoot(t, "Root")
	leaf := root.leaf(t)
	for name, end := range map[string]struct {
		sends string
		hangs bool
		cause Cause
		text  string
	}{
		"closes": {"", false, Closes, "hangs up in the TLS handshake"},
		"alert":  {"\x15\x03\x03\x00\x02\x02\x50", false, TLSFails, "refuses the handshake"},
		"hangs":  {"", true, Hangs, "begins the TLS handshake and does not go on"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				target, err := ParseTarget("127.0.0.1", "tls")
				if err != nil {
					t.Fatal(err)
				}
				opt := serving(t, func(c net.Conn) {
					_, _ = bufio.NewReader(c).Peek(1)
					go func() { _, _ = io.Copy(io.Discard, c) }()
					_, _ = c.Write(append(certificateAlone(leaf), end.sends...))
					if end.hangs {
						_, _ = io.Copy(io.Discard, c)
					}
				})
				report := judged(Connect(t.Context(), target, opt), Circumstances{Trust: trusting(t, root)})
				if v := report.Verdict; v.Status != Undecided || !strings.Contains(v.Text, end.text) || v.Cause != end.cause || v.Cure == "" || len(report.Chain) > 0 {
					t.Errorf("%+v, chain %+v", v, report.Chain)
				}
			})
		})
	}
}

// Each alert of a server that refuses the handshake has its own explanation.
func TestAlertsAreUnderstood(t *testing.T) {
	for alert, want := range map[byte]struct {
		cause Cause
		text  string
	}{
		40:  {TLSFails, "no cipher in common"},
		70:  {TLSTooOld, "no version of TLS in common"},
		80:  {TLSFails, "refuses the handshake: internal error"},
		112: {TLSFails, "does not know the name 127.0.0.1"},
	} {
		v := against(t, "tls", func(c net.Conn) {
			_, _ = bufio.NewReader(c).Peek(1)
			go func() { _, _ = io.Copy(io.Discard, c) }()
			_, _ = c.Write([]byte{21, 3, 3, 0, 2, 2, alert})
		}).Verdict
		if v.Cause != want.cause || !strings.Contains(v.Text, want.text) || v.Cure == "" {
			t.Errorf("alert %d: %+v", alert, v)
		}
	}
}

// A length that is negative as a 32-bit int is too long as well.
func TestHugeLDAPMessage(t *testing.T) {
	for _, length := range []string{"\x84\xff\xff\xff\xff", "\x84\x80\x00\x00\x00", "\x83\xff\xff\xff"} {
		w := &wire{r: bufio.NewReader(strings.NewReader("\x30" + length)), w: io.Discard}
		if err := startLDAP(w); !errors.Is(err, errTooMuch) {
			t.Errorf("%q: %v", length, err)
		}
	}
}
