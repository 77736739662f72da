package certs

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"sync"
)

const bom = "\ufeff"

// mark is a BEGIN or an END line from its first dash to its last.
type mark struct {
	start, stop int // offsets of the first dash and of what follows the last
	begin       bool
	label       string  // in upper case; "" if no dashes end it
	repairs     repairs // what a strict reader would not take of it
}

// dashes is how many stand before and after a label.
const dashes = 5

// nextMark returns the first mark of text at or after from. With fewer dashes
// than there should be it is one only if the label is a certificate's: people
// write lines such as "-- begin --" of their own.
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

// readMark reads a mark but for its first dashes.
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

// markWord returns the word of a mark that text begins with, or "".
func markWord(text []byte) string {
	for _, word := range []string{"BEGIN ", "END "} {
		if hasFold(text, word) {
			return word
		}
	}
	return ""
}

// readLabel reads the label, which starts at m.stop, and the dashes after it.
// Dashes that belong to the next mark, glued to this one, are left to it.
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

// hasFold reports whether text begins with word, which is in upper case, in any
// case.
func hasFold(text []byte, word string) bool {
	return len(text) >= len(word) && strings.EqualFold(string(text[:len(word)]), word)
}

func isCertificateLabel(label string) bool {
	return slices.Contains([]string{labelCertificate, labelTrusted, labelOld, labelOlder, "PKCS7", "CMS"}, label)
}

// keyIndex returns the offset of the first sign of a private key in text, or -1.
// Damaged BEGIN and END lines count too: an input with one is refused rather
// than read past it.
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

// fancyMark finds marks in whose dashes a word processor had a hand. Few texts
// have such dashes, so it is compiled for the first.
var fancyMark = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`[\x{2010}-\x{2015}\x{2212}]-*(?i:BEGIN|END) `)
})

// plainDashes returns text with hyphens for typographic dashes, if it has marks
// with such.
func plainDashes(text []byte) ([]byte, bool) {
	if bytes.IndexByte(text, "\u2014"[0]) < 0 || !fancyMark().Match(text) {
		return nil, false
	}
	replacer := strings.NewReplacer("\u2010", "--", "\u2011", "--", "\u2012", "--", "\u2013", "--",
		"\u2014", "--", "\u2015", "--", "\u2212", "--")
	return []byte(replacer.Replace(string(text))), true
}

// countLines returns the number of line ends in text, of whatever kind.
func countLines(text []byte) int {
	return bytes.Count(text, []byte("\n")) + bytes.Count(text, []byte("\r")) - bytes.Count(text, []byte("\r\n"))
}
