package certs

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"sync"
)

const bom = "\ufeff"

// mark is a BEGIN or END line, from its first dash to its last.
type mark struct {
	start, stop int // offsets of the first dash, and after the last
	begin       bool
	label       string  // in upper case; "" without closing dashes
	repairs     repairs // deviations that a strict reader refuses
}

// dashes is the number of dashes before and after a label.
const dashes = 5

// nextMark returns the first mark of text at or after from. A mark with fewer
// dashes needs the label of a certificate: people write their own lines, such
// as "-- begin --".
func nextMark(text []byte, from int) (mark, bool) {
	for at := from; ; {
		i := bytes.IndexByte(text[at:], '-')
		if i < 0 {
			return mark{}, false
		}
		run := dashRun(text[at+i:])
		at += i + run
		m, ok := readMark(text, at)
		if ok && (run >= dashes || run > 1 && isCertificateLabel(m.label)) {
			m.start = at - run
			if run != dashes {
				m.repairs.add("has the wrong number of dashes")
			}
			return m, true
		}
	}
}

func dashRun(text []byte) int {
	n := 0
	for n < len(text) && text[n] == '-' {
		n++
	}
	return n
}

// readMark reads a mark after its first dashes.
func readMark(text []byte, at int) (mark, bool) {
	word := markWord(text[at:])
	if word == "" {
		return mark{}, false
	}
	m := mark{begin: word == "BEGIN ", stop: at + len(word)}
	if !bytes.HasPrefix(text[at:], []byte(word)) {
		m.repairs.add("is in lower case")
	}
	m.readLabel(text)
	return m, true
}

// markWord returns the word of the mark at the start of text, or "".
func markWord(text []byte) string {
	for _, word := range []string{"BEGIN ", "END "} {
		if hasFold(text, word) {
			return word
		}
	}
	return ""
}

// readLabel reads the label at m.stop, and the dashes after it. It leaves
// dashes to a following mark on the same line.
func (m *mark) readLabel(text []byte) {
	const longest = 64
	rest := text[m.stop:min(len(text), m.stop+longest)]
	end := bytes.IndexByte(rest, '-')
	if end < 0 || bytes.ContainsAny(rest[:end], "\r\n") {
		return
	}
	m.stop += end
	run := dashRun(text[m.stop:])
	if markWord(text[m.stop+run:]) != "" {
		run = max(run-dashes, 0)
	}
	m.stop += run
	label := strings.TrimSpace(string(rest[:end]))
	m.label = strings.ToUpper(label)
	if run != dashes {
		m.repairs.add("has the wrong number of dashes")
	}
	if m.label != label {
		m.repairs.add("is in lower case")
	}
	if len(label) != end {
		m.repairs.add("has stray spaces")
	}
}

// hasFold reports whether text begins with word in any case; word is in upper
// case.
func hasFold(text []byte, word string) bool {
	return len(text) >= len(word) && strings.EqualFold(string(text[:len(word)]), word)
}

func isCertificateLabel(label string) bool {
	return slices.Contains([]string{labelCertificate, labelTrusted, labelOld, labelOlder, "PKCS7", "CMS"}, label)
}

// keyIndex returns the offset of the first sign of a private key in text, or
// -1. Damaged BEGIN and END lines count too: refusing the input is safer.
func keyIndex(text []byte) int {
	const longest = 80
	for at := 0; ; {
		i := bytes.IndexByte(text[at:], '-')
		if i < 0 {
			return bytes.Index(text, []byte("PuTTY-User-Key-File-"))
		}
		at += i + dashRun(text[at+i:])
		line := bytes.TrimLeft(text[at:min(len(text), at+longest)], " \t")
		if hasFold(line, "BEGIN") || hasFold(line, "END") {
			if end := bytes.IndexAny(line, "\r\n-"); end >= 0 {
				line = line[:end]
			}
			if bytes.Contains(bytes.ToUpper(line), []byte("PRIVATE KEY")) {
				return at
			}
		}
	}
}

// fancyMark finds marks with typographic dashes from a word processor. Such
// text is rare, so the expression is compiled on demand.
var fancyMark = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`[\x{2010}-\x{2015}\x{2212}]-*(?i:BEGIN|END) `)
})

// plainDashes replaces typographic dashes by hyphens, if text has marks with
// them.
func plainDashes(text []byte) ([]byte, bool) {
	if bytes.IndexByte(text, "\u2014"[0]) < 0 || !fancyMark().Match(text) {
		return nil, false
	}
	replacer := strings.NewReplacer("\u2010", "--", "\u2011", "--", "\u2012", "--", "\u2013", "--",
		"\u2014", "--", "\u2015", "--", "\u2212", "--")
	return []byte(replacer.Replace(string(text))), true
}

// countLines returns the number of line ends in text, of any kind.
func countLines(text []byte) int {
	return bytes.Count(text, []byte("\n")) + bytes.Count(text, []byte("\r")) - bytes.Count(text, []byte("\r\n"))
}
