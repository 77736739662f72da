package certs

import (
	"bytes"
	"encoding/base64"
	"slices"
)

// block is a BEGIN line of PEM text and the text up to its END line, the next
// BEGIN line or the end.
type block struct {
	start, stop  int // offsets of BEGIN, and after END
	line, number int
	label        string
	body         []byte
	closed       bool   // it has an END line
	gap          []byte // text between it and the previous block
	repairs      repairs
}

// scanner finds the blocks of a text.
type scanner struct {
	text []byte
	at   int
	line int    // the line of at
	last *block // the previous block, or nil
}

// readPEM reads PEM text. Unlike encoding/pem, it reports every block, and
// reads blocks that lost their line breaks.
func (r reader) readPEM(text []byte) bool {
	s := scanner{text: text, line: 1}
	for {
		b := s.next()
		if b == nil {
			return r.readGap(text[s.at:], s.line)
		}
		if !r.readGap(b.gap, b.line) || !r.readBlock(b) {
			return false
		}
	}
}

// passOver reports the blocks of a text that is not read, because they may come
// from anyone.
func (r reader) passOver(text []byte, reason string) bool {
	s := scanner{text: text, line: 1}
	for b := s.next(); b != nil; b = s.next() {
		if !r.at(b.line, b.number).emit(nil, skipped("%s", reason)) {
			return false
		}
	}
	return true
}

// readGap reads the bytes between blocks. It ignores text, but reads DER and
// UTF-16: these are certificates joined with cat.
func (r reader) readGap(gap []byte, line int) bool {
	gap = bytes.TrimLeft(gap, padding)
	if !isBinary(gap) && !looksLikeDER(gap) {
		return true
	}
	r = r.at(line, 0)
	if _, wide := decodeUTF16(gap); wide || looksLikeDER(gap) {
		return r.unwrapped("it stood between PEM blocks, but not as PEM").read(gap)
	}
	return r.emit(nil, skipped("binary data before this line is not read"))
}

// next returns the next block, or nil.
func (s *scanner) next() *block {
	begin, ok := nextMark(s.text, s.at)
	for ok && !begin.begin {
		begin, ok = nextMark(s.text, begin.stop)
	}
	if !ok {
		return nil
	}
	b := &block{start: begin.start, stop: begin.stop, label: begin.label, number: 1, gap: s.text[s.at:begin.start]}
	s.line += countLines(b.gap)
	b.line = s.line
	b.noteStart(s.last)
	b.noteMark("its BEGIN line ", begin)
	if b.label != "" {
		b.readBody(s.text)
	}
	s.line += countLines(s.text[b.start:b.stop])
	s.at, s.last = b.stop, b
	return b
}

// noteMark notes repairs of the BEGIN or the END line.
func (b *block) noteMark(which string, m mark) {
	for _, reason := range m.repairs {
		b.repairs.add(which + reason)
	}
}

// readBody reads the text from the BEGIN line up to the next mark.
func (b *block) readBody(text []byte) {
	end, ok := nextMark(text, b.stop)
	switch {
	case !ok:
		b.body, b.stop = text[b.stop:], len(text)
		return
	case end.begin:
		b.body, b.stop = text[b.stop:end.start], end.start
		return
	}
	b.closed, b.body, b.stop = true, text[b.stop:end.start], end.stop
	b.noteMark("its END line ", end)
	switch {
	case end.label == "":
		b.repairs.add("its END line has no dashes at the end")
	case end.label != b.label:
		b.repairs.add("its END line names another label")
	default:
		b.noteRest(text[end.stop:])
	}
}

// noteStart notes text before BEGIN on its line. An unclosed previous block
// ends here.
func (b *block) noteStart(last *block) {
	line := b.gap
	if last != nil {
		b.number = last.number + 1
		if !last.closed {
			line = last.body
		}
	}
	if bytes.IndexByte(line, 0) >= 0 && !isBinary(line) {
		b.repairs.add("NUL bytes stood before it")
	}
	i := bytes.LastIndexAny(line, "\r\n")
	switch before := line[i+1:]; {
	case i < 0 && last != nil && last.closed && len(line) == 0:
		b.repairs.add("it stood on the END line of the one before")
	case i < 0 && last != nil && last.closed: // noted for the previous block
	case len(before) == 0 && i >= 0 && line[i] == '\r':
		b.repairs.add(strayReturns)
	case len(before) == 0:
		return
	case string(before) == bom:
		b.repairs.add("a byte order mark stood before it")
	case len(bytes.TrimSpace(before)) == 0:
		b.repairs.add("it was indented")
	default:
		b.repairs.add("its BEGIN did not start a line")
	}
}

// noteRest notes text after END on its line.
func (b *block) noteRest(rest []byte) {
	const enough = 64
	rest = rest[:min(len(rest), enough)]
	if i := bytes.IndexAny(rest, "\r\n"); i >= 0 {
		rest = rest[:i]
	}
	if next, ok := nextMark(rest, 0); ok && next.begin && next.start == 0 {
		return // noted for the next block
	}
	if len(bytes.Trim(rest, " \t")) > 0 {
		b.repairs.add("text stood behind its END on the line")
	}
}

// AppendPEM appends the certificate in the one form that every reader accepts:
// label CERTIFICATE, 64 columns, line feeds, one at the end (RFC 7468).
func (c *Certificate) AppendPEM(dst []byte) []byte {
	const columns = 64
	const begin, end = "-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n"
	text := base64.StdEncoding.EncodedLen(len(c.Raw))
	dst = slices.Grow(dst, len(begin)+text+(text+columns-1)/columns+len(end))
	dst = append(dst, begin...)
	for rest := c.Raw; len(rest) > 0; {
		n := min(len(rest), columns/4*3)
		dst = base64.StdEncoding.AppendEncode(dst, rest[:n])
		dst = append(dst, '\n')
		rest = rest[n:]
	}
	return append(dst, end...)
}
