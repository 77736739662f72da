package certs

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strings"
)

// Parse yields the certificates in data, in order, and what there is to say of
// the rest. A certificate comes with nil, or with a [*Finding] whose verdict is
// [Repaired]; an error without a certificate is a [*Finding] too: [Skipped], or
// [Refused] where data holds a private key (errors.Is [ErrPrivateKey]), which
// ends the sequence. Each BEGIN line of PEM text is accounted for.
//
// Read are PEM (RFC 7468) with anything around it, DER, PKCS#7 in PEM, DER or
// BER, ZIP archives of these, UTF-16 text, and base64 or JSON strings of them.
func Parse(data []byte) iter.Seq2[*Certificate, error] {
	return func(yield func(*Certificate, error) bool) {
		emit := func(c *Certificate, f *Finding) bool {
			if f == nil {
				return yield(c, nil)
			}
			return yield(c, f) && f.Verdict != Refused
		}
		parse(data, emit, 0)
	}
}

// ParseAll collects what [Parse] yields. Its error wraps [ErrPrivateKey], or
// [ErrNoCertificate] and says what data is instead.
func ParseAll(data []byte) ([]*Certificate, []*Finding, error) {
	var taken []*Certificate
	var findings []*Finding
	for c, err := range Parse(data) {
		f, isFinding := errors.AsType[*Finding](err)
		if isFinding {
			findings = append(findings, f)
		}
		switch {
		case isFinding && f.Verdict == Refused:
			return nil, findings, f
		case c != nil:
			taken = append(taken, c)
		}
	}
	if len(taken) == 0 {
		return nil, findings, nothing(data, findings)
	}
	return taken, findings, nil
}

// nothing says why there is no certificate.
func nothing(data []byte, findings []*Finding) error {
	what := describe(data)
	if what == "" && len(findings) > 0 {
		what = findings[0].Error()
	}
	if what == "" {
		what = "the content is not one that certificates come in"
	}
	return fmt.Errorf("%w: %s", ErrNoCertificate, what)
}

// describe names what people save by mistake under a certificate's name.
func describe(data []byte) string {
	head := bytes.ToLower(bytes.TrimSpace(data[:min(len(data), 4096)]))
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return "the file is empty"
	case hasAny(head, "<!doctype html", "<html"):
		return "it is an HTML page, not certificates"
	case hasAny(head, "<?xml", "<error>"):
		return "it is an XML document, an error message of a store perhaps"
	case hasAny(data, "\xfe\xed\xfe\xed", "\xce\xce\xce\xce"):
		return "it is a Java keystore: export its certificates with keytool -exportcert -rfc"
	case isPKCS12(data):
		return "it is a PKCS#12 keystore: export its certificates with openssl pkcs12 -nokeys"
	}
	return ""
}

func hasAny(head []byte, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(string(head), p) {
			return true
		}
	}
	return false
}

// emitter takes a certificate, or a finding, or both. It returns false to stop.
type emitter func(*Certificate, *Finding) bool

// maxDepth bounds archives in archives and base64 in base64.
const maxDepth = 4

// parse finds out what data is and reads it. It returns false once emit did.
func parse(data []byte, emit emitter, depth int) bool {
	if depth > maxDepth {
		return emit(nil, skipped("it is wrapped more than %d times", maxDepth))
	}
	if text, ok := decodeUTF16(data); ok {
		return parse(text, noting(emit, "it was UTF-16 text"), depth+1)
	}
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(data, []byte(bom)))
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return parseZIP(data, emit, depth)
	case len(data) > 0 && data[0] == 0x30 && !looksLikeText(data):
		return parseDER(data, emit)
	case containsFold(data, beginMark):
		return parsePEM(data, emit)
	case len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '['):
		return parseJSON(trimmed, emit, depth)
	}
	if decoded, ok := decodeBase64(trimmed); ok {
		return parse(decoded, noting(emit, "it was base64 without BEGIN and END lines"), depth+1)
	}
	return true
}

// noting adds reason, once, to the first certificate that comes through.
func noting(emit emitter, reason string) emitter {
	noted := false
	return func(c *Certificate, f *Finding) bool {
		if c == nil || noted {
			return emit(c, f)
		}
		noted = true
		if f == nil {
			return emit(c, repaired(reason))
		}
		f.Reason = reason + "; " + f.Reason
		return emit(c, f)
	}
}

// looksLikeText tells text that starts with "0" from DER.
func looksLikeText(data []byte) bool {
	for _, b := range data[:min(len(data), 64)] {
		if b < ' ' && b != '\n' && b != '\r' && b != '\t' || b >= 0x7f {
			return false
		}
	}
	return true
}

// emitDER emits the certificate that der encodes, or why it is none, with the
// repairs that were needed to come so far.
func emitDER(der []byte, repairs []string, emit emitter, line, block int) bool {
	c, err := ParseCertificate(der)
	if errors.Is(err, errTrailing) {
		if first, rest, ok := firstElement(der); ok && !isPrivateKeyDER(rest) {
			repairs = append(repairs, "bytes after the certificate are cut off")
			c, err = ParseCertificate(first)
		}
	}
	switch {
	case err != nil && isPrivateKeyDER(der):
		return emit(nil, refusedKey().at(line, block))
	case err != nil:
		return emit(nil, skipped("%s", err).at(line, block))
	case len(repairs) > 0:
		return emit(c, repaired(strings.Join(repairs, "; ")).at(line, block))
	}
	return emit(c, nil)
}
