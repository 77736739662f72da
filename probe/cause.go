package probe

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Cause names what is wrong, for programs. People read [Fault.Text].
type Cause string

// Causes that leave it open whether the server would be trusted.
const (
	NameUnresolved Cause = "name-unresolved" // no address for the name
	PortClosed     Cause = "port-closed"     // refused, unreachable or silent
	ProxyRefused   Cause = "proxy"           // the proxy makes no connection
	Hangs          Cause = "hangs"           // the server says nothing
	Closes         Cause = "closes"          // the server hangs up before the certificate
	Garbage        Cause = "garbage"         // neither the protocol nor TLS
	TLSFails       Cause = "tls-fails"       // no handshake
	Unchecked      Cause = "unchecked"       // a signature of a kind that is not known here
	NoStore        Cause = "no-store"        // there is neither OpenSSL nor a bundle to judge by
)

// Causes that are a verdict against the server.
const (
	NoTLS               Cause = "no-tls"
	TLSTooOld           Cause = "tls-too-old" // older than 1.2
	SelfSigned          Cause = "self-signed"
	UntrustedRoot       Cause = "untrusted-root" // the server sent its root, which is not trusted
	UnknownIssuer       Cause = "unknown-issuer"
	MissingIntermediate Cause = "missing-intermediate"
	PartialChain        Cause = "partial-chain" // trusted is an intermediate without its root
	Impostor            Cause = "impostor"      // the name of a known CA, another key
	Interception        Cause = "interception"  // issued by something that opens TLS on the way
	BadSignature        Cause = "bad-signature"
	Unreadable          Cause = "unreadable" // a certificate that OpenSSL cannot read
	Expired             Cause = "expired"
	NotYetValid         Cause = "not-yet-valid"
	ClockOff            Cause = "clock" // this machine's date is impossible
	WrongPurpose        Cause = "purpose"
	Weak                Cause = "weak" // below OpenSSL's level 2
	WrongName           Cause = "wrong-name"
	DamagedStore        Cause = "damaged-store" // the reader loses its store to damage
	Placeholder         Cause = "placeholder"   // a proxy has no certificate for the host, and shows one of its own
	Distrusted          Cause = "distrusted"    // the chain leads through a CA that nobody should trust
)

// against reports whether the cause is a verdict rather than the lack of one.
func (c Cause) against() bool {
	switch c {
	case NameUnresolved, PortClosed, ProxyRefused, Hangs, Closes, Garbage, TLSFails, Unchecked, NoStore:
		return false
	}
	return true
}

// Fault is one thing that is wrong, in words.
type Fault struct {
	Cause Cause  `json:"cause"`
	Text  string `json:"text"`
	Cure  string `json:"cure"`
}

// withoutTLS is the error of a server that speaks its protocol and offers no
// TLS in it.
type withoutTLS struct{ answer string }

func (e withoutTLS) Error() string { return e.answer }

// nonsense is the error of a server that does not speak the protocol.
type nonsense struct{ answer string }

func (e nonsense) Error() string { return e.answer }

func isWithoutTLS(err error) bool {
	_, ok := errors.AsType[withoutTLS](err)
	return ok
}

// quote makes what a server said fit to print: on one line, and not too long.
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
