package probe

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Cause names a fault for programs. People read [Fault.Text].
type Cause string

// Causes without a verdict: whether the server would be trusted stays open.
const (
	NameUnresolved Cause = "name-unresolved" // the name has no address
	PortClosed     Cause = "port-closed"     // refused, unreachable or silent
	ProxyRefused   Cause = "proxy"           // the proxy refuses the connection
	Hangs          Cause = "hangs"           // the server sends nothing
	Closes         Cause = "closes"          // the server closes the connection before its certificate
	Garbage        Cause = "garbage"         // the answer is neither the protocol nor TLS
	TLSFails       Cause = "tls-fails"       // the handshake fails
	Unchecked      Cause = "unchecked"       // a signature of a kind that certgraft cannot check
	NoStore        Cause = "no-store"        // neither OpenSSL nor a bundle exists to judge by
)

// Causes with a verdict against the server.
const (
	NoTLS               Cause = "no-tls"
	TLSTooOld           Cause = "tls-too-old" // older than 1.2
	SelfSigned          Cause = "self-signed"
	UntrustedRoot       Cause = "untrusted-root" // the server sent its root, which the reader does not trust
	UnknownIssuer       Cause = "unknown-issuer"
	MissingIntermediate Cause = "missing-intermediate"
	PartialChain        Cause = "partial-chain" // the reader trusts an intermediate without its root
	Impostor            Cause = "impostor"      // the name of a known CA with another key
	Interception        Cause = "interception"  // a product issued it that opens TLS on the way
	BadSignature        Cause = "bad-signature"
	Unreadable          Cause = "unreadable" // a certificate that OpenSSL cannot read
	Expired             Cause = "expired"
	NotYetValid         Cause = "not-yet-valid"
	ClockOff            Cause = "clock" // the date of this machine is impossible
	WrongPurpose        Cause = "purpose"
	Weak                Cause = "weak" // below level 2 of OpenSSL
	WrongName           Cause = "wrong-name"
	DamagedStore        Cause = "damaged-store" // damage makes the reader lose its store
	Placeholder         Cause = "placeholder"   // a proxy without a certificate for the host shows its own
	Distrusted          Cause = "distrusted"    // the chain leads through a distrusted CA
)

// against reports whether the cause is a verdict against the server.
func (c Cause) against() bool {
	switch c {
	case NameUnresolved, PortClosed, ProxyRefused, Hangs, Closes, Garbage, TLSFails, Unchecked, NoStore:
		return false
	}
	return true
}

// Fault is one fault in words.
type Fault struct {
	Cause Cause  `json:"cause"`
	Text  string `json:"text"`
	Cure  string `json:"cure"`
}

// withoutTLS is the error for a server that speaks its protocol and does not offer
// TLS.
type withoutTLS struct{ answer string }

func (e withoutTLS) Error() string { return e.answer }

// nonsense is the error for a server that does not speak the protocol.
type nonsense struct{ answer string }

func (e nonsense) Error() string { return e.answer }

func isWithoutTLS(err error) bool {
	_, ok := errors.AsType[withoutTLS](err)
	return ok
}

// quote makes text of a server printable: one line of limited length.
func quote(s string) string {
	const most = 60
	s = strings.TrimRight(s, "\r\n")
	if len(s) > most {
		s = s[:most]
		for !utf8.ValidString(s) && len(s) > most-utf8.UTFMax {
			s = s[:len(s)-1]
		}
		return strconv.QuoteToASCII(s) + "…"
	}
	return strconv.QuoteToASCII(s)
}
