package certs

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
)

const (
	bom       = "\ufeff"
	beginMark = "-----BEGIN "
	endMark   = "-----END "
)

// block is a BEGIN line of PEM text and what follows it up to its END line, the
// next BEGIN line or the end of the text.
type block struct {
	start, stop  int // offsets of BEGIN and of what follows the label of END
	line, number int
	label        string
	body         []byte
	closed       bool     // it has an END line
	binary       bool     // what stands between it and the block before is no text
	repairs      []string // what a strict reader would not have taken
}

// parsePEM yields what is in PEM text. Unlike encoding/pem it passes over
// nothing in silence, and reads blocks that lost their line breaks on the way.
func parsePEM(text []byte, emit emitter) bool {
	if holdsKey(text) {
		return emit(nil, refusedKey().at(1+bytes.Count(text[:keyIndex(text)], []byte("\n")), 0))
	}
	s := scanner{text: text, line: 1}
	for b := range s.blocks {
		if b.binary && !emit(nil, skipped("binary data before this line, DER or UTF-16 perhaps, is not read").at(b.line, 0)) {
			return false
		}
		if !b.parse(emit) {
			return false
		}
	}
	return true
}

// holdsKey reports whether any label of text is a private key's, so that a key
// behind a hundred certificates stops the first of them too.
func holdsKey(text []byte) bool { return keyIndex(text) >= 0 }

func keyIndex(text []byte) int {
	for at := 0; ; {
		i := indexFold(text[at:], beginMark)
		if i < 0 {
			return -1
		}
		at += i + len(beginMark)
		label, _, ok := cutLabel(text[at:])
		if ok && strings.Contains(label, "PRIVATE KEY") {
			return at
		}
	}
}

// scanner finds the blocks of a text.
type scanner struct {
	text   []byte
	at     int
	line   int // of at
	number int
}

func (s *scanner) blocks(yield func(*block) bool) {
	for {
		i := indexFold(s.text[s.at:], beginMark)
		if i < 0 || !yield(s.next(i)) {
			return
		}
	}
}

// next reads the block whose BEGIN line is i bytes on.
func (s *scanner) next(i int) *block {
	start := s.at + i
	gap := s.text[s.at:start]
	s.advance(start)
	s.number++
	b := &block{start: start, line: s.line, number: s.number, binary: bytes.Contains(bytes.Trim(gap, "\x00"), []byte{0})}
	if !b.binary {
		b.repairs = lineRepairs(s.text, start)
	}
	label, n, ok := cutLabel(s.text[start+len(beginMark):])
	s.advance(start + len(beginMark))
	b.stop = s.at
	if !ok {
		return b
	}
	b.label = strings.ToUpper(label)
	if mark := s.text[start : start+len(beginMark)]; string(mark) != beginMark || b.label != label {
		b.repairs = append(b.repairs, "its label is in lower case")
	}
	s.advance(s.at + n)
	rest := s.text[s.at:]
	stop := len(rest)
	if j := indexFold(rest, beginMark); j >= 0 {
		stop = j
	}
	end := indexFold(rest[:stop], endMark)
	if end < 0 {
		b.body = rest[:stop]
		s.advance(s.at + stop)
		b.stop = s.at
		return b
	}
	b.closed, b.body = true, rest[:end]
	b.readEnd(rest[end+len(endMark) : stop])
	s.advance(s.at + end + len(endMark))
	b.stop = s.at
	return b
}

func (s *scanner) advance(to int) {
	s.line += bytes.Count(s.text[s.at:to], []byte("\n"))
	s.at = to
}

// lineRepairs says what is odd about where a BEGIN line starts.
func lineRepairs(text []byte, start int) []string {
	if start == 0 {
		return nil
	}
	line := text[:start]
	if i := bytes.LastIndexByte(line, '\n'); i >= 0 {
		line = line[i+1:]
	} else if i := bytes.LastIndexByte(line, '\r'); i >= 0 {
		return []string{"its lines end with carriage returns alone"}
	}
	switch {
	case len(line) == 0:
		return nil
	case string(line) == bom:
		return []string{"a byte order mark stood before it"}
	case len(bytes.TrimSpace(line)) == 0:
		return []string{"it was indented"}
	case bytes.HasSuffix(line, []byte("-----")):
		return []string{"it stood on the END line of the one before"}
	}
	return []string{"text stood before its BEGIN on the line"}
}

// cutLabel returns the label that text begins with and the length up to the
// end of its dashes.
func cutLabel(text []byte) (label string, n int, ok bool) {
	const longest = 64
	i := bytes.Index(text[:min(len(text), longest)], []byte("-----"))
	if i < 0 || bytes.ContainsAny(text[:i], "\r\n") {
		return "", 0, false
	}
	return string(text[:i]), i + 5, true
}

// readEnd judges what follows END.
func (b *block) readEnd(rest []byte) {
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	line = bytes.TrimRight(line, " \t\r\x00")
	if i := bytes.IndexByte(line, '-'); i >= 0 {
		label, dashes := string(line[:i]), line[i:]
		switch {
		case !strings.EqualFold(label, b.label):
			b.repairs = append(b.repairs, "its END line names another label")
		case string(dashes) == "-----" || bytes.HasPrefix(dashes, []byte("----------B")):
			return // the glued block that follows says so itself
		case len(bytes.Trim(dashes, "-")) == 0:
			b.repairs = append(b.repairs, "its END line has the wrong number of dashes")
		}
		return
	}
	b.repairs = append(b.repairs, "its END line has no dashes at the end")
}

// parse reads what the block encodes.
func (b *block) parse(emit emitter) bool {
	switch {
	case b.label == "":
		return emit(nil, skipped("damaged BEGIN line").at(b.line, b.number))
	case !b.closed:
		return emit(nil, (&Finding{Verdict: Skipped, Reason: ErrTruncated.Error(), err: ErrTruncated}).at(b.line, b.number))
	}
	switch b.label {
	case "CERTIFICATE", "TRUSTED CERTIFICATE", "PKCS7", "CMS":
	case "X509 CERTIFICATE", "X.509 CERTIFICATE":
		b.repairs = append(b.repairs, "its label is the old "+b.label)
	default:
		return emit(nil, skipped("not a certificate but %s", article(b.label)).at(b.line, b.number))
	}
	der, err := b.decode()
	if err != nil {
		return emit(nil, err.at(b.line, b.number))
	}
	switch b.label {
	case "TRUSTED CERTIFICATE":
		return b.parseTrusted(der, emit)
	case "PKCS7", "CMS":
		return parsePKCS7(der, func(c *Certificate, f *Finding) bool { return emit(c, f.at(b.line, b.number)) })
	}
	return emitDER(der, b.repairs, emit, b.line, b.number)
}

func article(label string) string {
	return "a block of " + printable(label)
}

// decode returns the bytes that the body encodes.
func (b *block) decode() ([]byte, *Finding) {
	body := b.body
	if bytes.Contains(body, []byte(`\n`)) {
		body = bytes.ReplaceAll(bytes.ReplaceAll(body, []byte(`\r`), nil), []byte(`\n`), []byte("\n"))
		b.repairs = append(b.repairs, `its line breaks were the two characters \n`)
	}
	body = b.dropHeaders(body)
	b.noteLayout(body)
	packed := make([]byte, 0, len(body))
	for _, c := range body {
		switch {
		case !notBase64(c):
			packed = append(packed, c)
		case strings.IndexByte(asciiSpace, c) < 0:
			return nil, skipped("damaged base64: %q is not a character of it", rune(c))
		}
	}
	if len(packed) == 0 {
		return nil, skipped("nothing between BEGIN and END")
	}
	der, err := base64.StdEncoding.AppendDecode(nil, packed)
	if err != nil {
		return nil, skipped("damaged base64: characters are missing or too many")
	}
	return der, nil
}

func notBase64(c byte) bool {
	switch {
	case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '+', c == '/', c == '=':
		return false
	}
	return true
}

// dropHeaders takes away the "Name: value" lines of RFC 1421, with which most
// readers refuse a certificate.
func (b *block) dropHeaders(body []byte) []byte {
	rest, dropped := body, false
	for {
		trimmed := bytes.TrimLeft(rest, "\r\n")
		line, after, _ := bytes.Cut(trimmed, []byte("\n"))
		if !bytes.Contains(line, []byte(":")) {
			break
		}
		rest, dropped = after, true
	}
	if dropped {
		b.repairs = append(b.repairs, "header lines inside the block were dropped")
		return bytes.TrimLeft(rest, "\r\n")
	}
	return body
}

// noteLayout reports line breaks that strict readers do not take.
func (b *block) noteLayout(body []byte) {
	switch {
	case !bytes.ContainsAny(body, "\r\n"):
		b.repairs = append(b.repairs, "the whole block stood on one line")
		return
	case !bytes.Contains(body, []byte("\n")) && !slices.Contains(b.repairs, crOnly):
		b.repairs = append(b.repairs, crOnly)
		return
	}
	_, body, _ = bytes.Cut(body, []byte("\n")) // what is left of the BEGIN line
	for line := range bytes.Lines(body) {
		switch line = bytes.TrimRight(line, "\r\n"); {
		case len(line) == 0:
			b.addRepair("a blank line stood inside the block")
		case line[0] == ' ' || line[0] == '\t':
			b.addRepair("it was indented")
		}
	}
}

const crOnly = "its lines end with carriage returns alone"

func (b *block) addRepair(reason string) {
	if !slices.Contains(b.repairs, reason) {
		b.repairs = append(b.repairs, reason)
	}
}

// containsFold reports whether text holds mark in any case.
func containsFold(text []byte, mark string) bool { return indexFold(text, mark) >= 0 }

// indexFold returns the index of mark, which starts with dashes, in any case.
func indexFold(text []byte, mark string) int {
	dashes := []byte(mark[:strings.LastIndexByte(mark, '-')+1])
	word := mark[len(dashes):]
	for at := 0; ; {
		i := bytes.Index(text[at:], dashes)
		if i < 0 {
			return -1
		}
		at += i
		after := text[at+len(dashes):]
		if len(after) >= len(word) && strings.EqualFold(string(after[:len(word)]), word) {
			return at
		}
		at++
	}
}

// AppendPEM appends the certificate in the one form that every reader takes:
// label CERTIFICATE, 64 columns, line feeds, one at the end (RFC 7468).
func (c *Certificate) AppendPEM(dst []byte) []byte {
	const columns = 64
	dst = append(dst, "-----BEGIN CERTIFICATE-----\n"...)
	for rest := c.Raw; len(rest) > 0; {
		n := min(len(rest), columns/4*3)
		dst = base64.StdEncoding.AppendEncode(dst, rest[:n])
		dst = append(dst, '\n')
		rest = rest[n:]
	}
	return append(dst, "-----END CERTIFICATE-----\n"...)
}
