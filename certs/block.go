package certs

import (
	"bytes"
	"encoding/base64"
	"unicode"
	"unicode/utf8"
)

// Labels of a certificate: the usual one, OpenSSL's with trust settings, and
// two from before RFC 7468.
const (
	labelCertificate = "CERTIFICATE"
	labelTrusted     = "TRUSTED CERTIFICATE"
	labelOld         = "X509 CERTIFICATE"
	labelOlder       = "X.509 CERTIFICATE"
)

const strayReturns = "its lines end with stray carriage returns"

// readBlock reads the content of the block.
func (r reader) readBlock(b *block) bool {
	r = r.at(b.line, b.number)
	switch {
	case b.label == "":
		return r.emit(nil, skipped("damaged BEGIN line"))
	case !b.closed:
		return r.emit(nil, truncated())
	}
	switch b.label {
	case labelCertificate:
	case labelTrusted:
		b.repairs.add("its label is OpenSSL's " + b.label)
	case labelOld, labelOlder:
		b.repairs.add("its label is the old " + b.label)
	case "PKCS7", "PKCS #7 SIGNED DATA", "CMS":
		der, f := b.decode()
		if f != nil {
			return r.emit(nil, f)
		}
		return r.repairedBy(b.repairs).readPKCS7(der)
	default:
		return r.emit(nil, skipped("not a certificate but a block of %s", printable(b.label)))
	}
	return r.readLabelled(b)
}

// readLabelled reads a block with the label of a certificate.
func (r reader) readLabelled(b *block) bool {
	der, f := b.decode()
	switch {
	case f != nil:
		return r.emit(nil, f)
	case b.label == labelTrusted:
		return r.readTrusted(der, b)
	case isPKCS7(der):
		b.repairs.add("its label is CERTIFICATE, but it is PKCS#7")
		return r.repairedBy(b.repairs).readPKCS7(der)
	}
	return r.readCertificate(der, b.repairs)
}

// decode returns the decoded body.
func (b *block) decode() ([]byte, *Finding) {
	lines := b.dropHeaders(bytes.Split(b.unixBody(), []byte("\n")))
	b.noteLayout(lines)
	der, err := base64.StdEncoding.Strict().AppendDecode(nil, bytes.Join(lines, nil))
	if err == nil && len(der) > 0 {
		return der, nil
	}
	packed, f := b.pack(lines)
	switch {
	case f != nil:
		return nil, f
	case len(packed) == 0:
		return nil, skipped("nothing between BEGIN and END")
	}
	if der, err = base64.StdEncoding.Strict().AppendDecode(nil, packed); err == nil {
		return der, nil
	}
	if der, err = base64.StdEncoding.AppendDecode(nil, packed); err != nil {
		return nil, skipped("damaged base64: characters are missing or too many")
	}
	b.repairs.add("its last base64 character had stray bits")
	return der, nil
}

// unixBody returns the body with each kind of line break as a line feed.
func (b *block) unixBody() []byte {
	body := b.body
	if bytes.Contains(body, []byte(`\n`)) {
		body = bytes.ReplaceAll(bytes.ReplaceAll(body, []byte(`\r`), nil), []byte(`\n`), []byte("\n"))
		b.repairs.add(`its line breaks were the two characters \n`)
	}
	body = bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))
	if bytes.IndexByte(body, '\r') >= 0 {
		b.repairs.add(strayReturns)
		body = bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))
		body = bytes.ReplaceAll(body, []byte("\r"), []byte("\n"))
	}
	return body
}

// dropHeaders removes the "Name: value" lines of RFC 1421: most readers refuse
// a certificate with them.
func (b *block) dropHeaders(lines [][]byte) [][]byte {
	first := 1 // lines[0] is the rest of the BEGIN line
	for first < len(lines) && (isHeader(lines[first]) || first > 1 && isFolded(lines[first])) {
		first++
	}
	if first == 1 {
		return lines
	}
	b.repairs.add("header lines inside the block were dropped")
	if first < len(lines)-1 && len(bytes.TrimSpace(lines[first])) == 0 {
		first++
	}
	return append(lines[:1:1], lines[first:]...)
}

func isHeader(line []byte) bool { return bytes.IndexByte(line, ':') > 0 }

// isFolded reports whether a line continues a header.
func isFolded(line []byte) bool {
	return len(line) > 0 && (line[0] == ' ' || line[0] == '\t') && len(bytes.TrimSpace(line)) > 0
}

// noteLayout notes line breaks and spaces that some readers refuse. The first
// line is the text after BEGIN, the last the text before END.
func (b *block) noteLayout(lines [][]byte) {
	last := len(lines) - 1
	if last == 0 {
		b.repairs.add("the whole block stood on one line")
		return
	}
	if len(bytes.TrimSpace(lines[0])) > 0 {
		b.repairs.add("its base64 began on the BEGIN line")
	}
	for _, line := range lines[1:last] {
		switch trimmed := bytes.TrimRight(line, " \t"); {
		case len(trimmed) == 0:
			b.repairs.add("a blank line stood inside the block")
		case bytes.ContainsAny(trimmed, " \t"):
			b.noteSpaces(trimmed)
		}
	}
	switch end := lines[last]; {
	case len(bytes.TrimSpace(end)) > 0:
		b.repairs.add("its END did not start a line")
	case len(end) > 0:
		b.noteSpaces(end)
	}
}

func (b *block) noteSpaces(line []byte) {
	if line[0] == ' ' || line[0] == '\t' {
		b.repairs.add("it was indented")
		return
	}
	b.repairs.add("spaces stood inside its base64")
}

// pack returns the base64 characters of lines. It removes white space and
// invisible characters, and refuses others.
func (b *block) pack(lines [][]byte) ([]byte, *Finding) {
	packed := make([]byte, 0, len(b.body))
	for _, line := range lines {
		for len(line) > 0 {
			r, size := utf8.DecodeRune(line)
			switch {
			case isBase64(line[0]):
				packed = append(packed, line[0])
			case r == ' ', r == '\t':
			case unicode.IsSpace(r), unicode.Is(unicode.Cf, r):
				b.repairs.add("invisible characters stood inside its base64")
			default:
				return nil, skipped("damaged base64: %q is not a character of it", r)
			}
			line = line[size:]
		}
	}
	return packed, nil
}

func isBase64(c byte) bool {
	switch {
	case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '+', c == '/', c == '=':
		return true
	}
	return false
}
