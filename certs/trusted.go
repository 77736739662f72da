package certs

import (
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// trustSettings are the settings that OpenSSL stores after a TRUSTED
// CERTIFICATE (X509_CERT_AUX in x_x509a.c).
type trustSettings struct {
	trust, reject []string // purposes, by the encoding of their identifiers
	limited       bool     // it is trusted only for the purposes in trust
	alias         string
}

// Purposes in trust settings.
const (
	oidServerAuth = "\x2b\x06\x01\x05\x05\x07\x03\x01"
	oidAnyUsage   = "\x55\x1d\x25\x00"
)

// readTrusted reads a certificate with trust settings. It skips a certificate
// that the settings reject for any purpose, or do not trust for TLS servers:
// the result would be trusted for everything.
func (r reader) readTrusted(data []byte, b *block) bool {
	der, aux, ok := firstElement(data)
	if !ok {
		return r.emit(nil, skipped("damaged DER: not one whole ASN.1 sequence"))
	}
	var settings trustSettings
	if len(aux) > 0 {
		if settings, ok = readSettings(aux); !ok {
			return r.emit(nil, skipped("its trust settings are damaged"))
		}
	}
	if settings.limited {
		b.repairs.add("its trust settings were dropped: it becomes trusted for everything")
	}
	if reason := settings.distrust(); reason != "" {
		return r.emit(nil, &Finding{Verdict: Skipped, Reason: reason})
	}
	emit := r.emit
	r.emit = func(c *Certificate, f *Finding) bool {
		if c != nil {
			c.Label = settings.alias
		}
		return emit(c, f)
	}
	return r.readCertificate(der, b.repairs)
}

// distrust says why the settings do not trust the certificate, or returns "".
func (s trustSettings) distrust() string {
	switch {
	case len(s.reject) > 0:
		return "its trust settings reject it for some uses"
	case s.limited && !slices.Contains(s.trust, oidServerAuth) && !slices.Contains(s.trust, oidAnyUsage):
		return "its trust settings do not trust it for TLS servers"
	}
	return ""
}

func readSettings(aux cryptobyte.String) (s trustSettings, ok bool) {
	var seq, alias cryptobyte.String
	rejectTag := asn1.Tag(0).ContextSpecific().Constructed()
	if !aux.ReadASN1(&seq, asn1.SEQUENCE) {
		return s, false
	}
	if seq.PeekASN1Tag(asn1.SEQUENCE) {
		s.limited = true
		if s.trust, ok = readOIDs(&seq, asn1.SEQUENCE); !ok {
			return s, false
		}
	}
	if seq.PeekASN1Tag(rejectTag) {
		if s.reject, ok = readOIDs(&seq, rejectTag); !ok {
			return s, false
		}
	}
	var present bool
	if !seq.ReadOptionalASN1(&alias, &present, asn1.UTF8String) {
		return s, false
	}
	s.alias = printable(string(alias))
	return s, true // a key id and other settings may follow
}

// readOIDs returns the encoded identifiers in a list with that tag.
func readOIDs(in *cryptobyte.String, tag asn1.Tag) (oids []string, ok bool) {
	var list, oid cryptobyte.String
	if !in.ReadASN1(&list, tag) {
		return nil, false
	}
	for !list.Empty() {
		if !list.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
			return nil, false
		}
		oids = append(oids, string(oid))
	}
	return oids, true
}
