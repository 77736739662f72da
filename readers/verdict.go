package readers

import (
	"fmt"

	"github.com/certgraft/certgraft/certs"
)

// Cause names why a reader refuses a chain, for programs. People read [Verdict.Text].
type Cause string

// The causes.
const (
	Untrusted   Cause = "untrusted"     // no path to a certificate in its stores
	SelfSigned  Cause = "self-signed"   // the server's certificate is signed by itself
	Signature   Cause = "signature"     // not by the key of the issuer
	Malformed   Cause = "malformed"     // it cannot read a certificate
	Version     Cause = "version"       // X.509 version 1
	Authority   Cause = "authority"     // an issuer is no CA
	PathLength  Cause = "path-length"   // more intermediates than a CA allows
	Purpose     Cause = "purpose"       // not for servers
	Critical    Cause = "critical"      // a critical extension that it does not know
	Strict      Cause = "strict"        // a rule of RFC 5280 that most readers do not check
	Constraints Cause = "constraints"   // a CA may not issue for these names
	WeakKey     Cause = "weak-key"      // too short
	WeakDigest  Cause = "weak-digest"   // a signature of a kind that it does not take
	Expired     Cause = "expired"       // after the last day
	NotYetValid Cause = "not-yet-valid" // before the first day
	WrongName   Cause = "name"          // the certificate is for other hosts
)

// Fault is one thing that a reader finds wrong.
type Fault struct {
	Cause Cause              // "" if nothing is
	Text  string             // the cause in words: "the certificate of X has expired"
	At    *certs.Certificate // that decides; nil where it is no single one
	Cure  string             // what to change, "" where that is not known
}

// Verdict says whether a reader accepts a chain.
type Verdict struct {
	Trusted bool
	Fault           // the first, which most readers name
	Also    []Fault // what else is wrong with the chain

	Chain     []*certs.Certificate // that was judged, the server's own certificate first
	Anchored  bool                 // its last certificate is one at which the reader may end
	Forged    bool                 // it ends where the key of no issuer of that name has signed
	Unchecked *certs.Certificate   // one whose signature is of a kind that is not known here, or nil
}

// fault is what speaks against a path; nil is nothing.
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
