package readers

import (
	"fmt"

	"github.com/certgraft/certgraft/certs"
)

// Cause names the reason of a refusal for programs. People read [Verdict.Text].
type Cause string

// The causes.
const (
	Untrusted   Cause = "untrusted"     // no path leads to a certificate in its stores
	SelfSigned  Cause = "self-signed"   // the server's certificate is signed by itself
	Signature   Cause = "signature"     // the key of the issuer has not signed it
	Malformed   Cause = "malformed"     // the reader cannot read a certificate
	Version     Cause = "version"       // X.509 version 1
	Authority   Cause = "authority"     // an issuer is not a CA
	PathLength  Cause = "path-length"   // more intermediates than a CA allows
	Purpose     Cause = "purpose"       // not for servers
	Critical    Cause = "critical"      // a critical extension that the reader does not know
	Strict      Cause = "strict"        // a rule of RFC 5280 that most readers do not check
	Constraints Cause = "constraints"   // a CA may not issue for these names
	WeakKey     Cause = "weak-key"      // too short
	WeakDigest  Cause = "weak-digest"   // a kind of signature that the reader refuses
	Expired     Cause = "expired"       // after the last day
	NotYetValid Cause = "not-yet-valid" // before the first day
	WrongName   Cause = "name"          // the certificate is for other hosts
)

// Fault is one fault that a reader finds.
type Fault struct {
	Cause Cause              // "" for no fault
	Text  string             // the cause in words: "the certificate of X has expired"
	At    *certs.Certificate // the deciding certificate; nil if no single one decides
	Cure  string             // what to change; "" if that is unknown
}

// Verdict says whether a reader accepts a chain.
type Verdict struct {
	Trusted bool
	Fault           // the first fault, which most readers report
	Also    []Fault // further faults of the chain

	Chain     []*certs.Certificate // the judged chain, the server's own certificate first
	Anchored  bool                 // the reader may end the chain at its last certificate
	Forged    bool                 // the chain ends where no issuer of that name has signed
	Unchecked *certs.Certificate   // a certificate with an unknown kind of signature, or nil
}

// fault is the fault of a path; nil means none.
type fault struct {
	cause Cause
	text  string
	at    *link
}

func faulty(cause Cause, at *link, format string, args ...any) *fault {
	return &fault{cause, fmt.Sprintf(format, args...), at}
}

func (f *fault) public() Fault {
	v := Fault{Cause: f.cause, Text: f.text}
	if f.at != nil {
		v.At = f.at.Certificate
	}
	return v
}
