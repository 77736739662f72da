package pemfile

import (
	"bytes"
	"encoding/base64"
	"errors"

	"github.com/certgraft/certgraft/certs"
)

// Block is one PEM block of a file.
type Block struct {
	start, end int                // from BEGIN to the line feed after END
	Label      string             // the text between BEGIN and the dashes
	Cert       *certs.Certificate // nil for other labels
	trailing   bool               // bytes follow the certificate: OpenSSL skips them, GnuTLS and Java fail
}

var (
	errNoEnd   = errors.New("its END line is missing or does not match")
	errHeader  = errors.New("it has header lines or a blank line inside")
	errBase64  = errors.New("its base64 is damaged")
	errNothing = errors.New("there is nothing between BEGIN and END")
)

// lineReader reads text line by line.
type lineReader struct {
	data []byte
	at   int
	text []byte // of the block; the next block overwrites it
}

// block returns the next block and its base64, or nil at the end of the text.
func (l *lineReader) block() (*Block, []byte, error) {
	for first := true; ; first = false {
		start, line, ok := l.next()
		if !ok {
			return nil, nil, nil
		}
		if rest, bom := bytes.CutPrefix(line, []byte("\ufeff")); bom && first {
			start, line = start+3, rest
		}
		if label, ok := beginLabel(line); ok {
			body, err := l.body(label)
			return &Block{start: start, end: l.at, Label: label}, body, err
		}
	}
}

// next returns a line and its start, without the bytes that OpenSSL strips from
// the end. BIO_gets treats a line as a C string: bytes after a NUL are lost, and a
// line that begins with a NUL is empty, which means the end of the file.
func (l *lineReader) next() (start int, line []byte, ok bool) {
	if l.at == len(l.data) || l.data[l.at] == 0 {
		return l.at, nil, false
	}
	start, line = l.at, l.data[l.at:]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i+1]
	}
	l.at += len(line)
	if i := bytes.IndexByte(line, 0); i >= 0 {
		line = line[:i]
	}
	for len(line) > 0 && (line[len(line)-1] <= ' ' || line[len(line)-1] >= 0x80) { // a signed char is below ' ' here too
		line = line[:len(line)-1]
	}
	return start, line, true
}

// body returns the text before the END line of label. One blank line may precede
// the whole text; all lines except the last must then have 64 characters. Text
// before a blank line elsewhere counts as headers, which a certificate must not
// have.
func (l *lineReader) body(label string) ([]byte, error) {
	body := l.text[:0]
	defer func() { l.text = body }()
	ruled, short := false, false
	for first := true; ; first = false {
		_, line, ok := l.next()
		switch {
		case !ok:
			return nil, errNoEnd
		case bytes.HasPrefix(line, []byte("-----END ")):
			if string(line) != "-----END "+label+"-----" {
				return nil, errNoEnd
			}
			return body, nil
		case len(line) == 0 && first:
			ruled = true
			continue
		case len(line) == 0, bytes.Contains(line, []byte(":")), ruled && (short || len(line) > 64):
			return nil, errHeader
		}
		short = len(line) < 64
		body = append(body, line...)
	}
}

func beginLabel(line []byte) (string, bool) {
	rest, begins := bytes.CutPrefix(line, []byte("-----BEGIN "))
	label, ends := bytes.CutSuffix(rest, []byte("-----"))
	return string(label), begins && ends
}

// endsEarly reports whether OpenSSL takes a line as the end of the file. fgets
// returns at most 254 bytes of a line at once.
func endsEarly(data []byte) bool {
	const most = 254
	for bytes.IndexByte(data, 0) >= 0 {
		line := data[:min(most, len(data))]
		if line[0] == 0 {
			return true
		}
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i+1]
		}
		data = data[len(line):]
	}
	return false
}

// decodeBase64 is EVP_DecodeUpdate: it skips white space and ends at a dash. It
// appends to dst.
func decodeBase64(dst, text []byte) ([]byte, error) {
	if i := bytes.IndexByte(text, '-'); i >= 0 {
		text = text[:i]
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, errNothing
	}
	der, err := base64.StdEncoding.AppendDecode(dst, text)
	if err != nil && bytes.ContainsAny(text, " \t\v\f") { // the decoder skips carriage returns itself
		der, err = base64.StdEncoding.AppendDecode(dst, bytes.Join(bytes.Fields(text), nil))
	}
	if err != nil {
		return nil, errBase64
	}
	return der, nil
}
