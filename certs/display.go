package certs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Short names of attribute types, by the encoding of their identifier.
var attributeNames = map[string]string{
	"\x55\x04\x03":                         "CN",
	"\x55\x04\x05":                         "serialNumber",
	"\x55\x04\x06":                         "C",
	"\x55\x04\x07":                         "L",
	"\x55\x04\x08":                         "ST",
	"\x55\x04\x09":                         "street",
	"\x55\x04\x0a":                         "O",
	"\x55\x04\x0b":                         "OU",
	"\x55\x04\x61":                         "organizationIdentifier",
	"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01": "emailAddress",
	"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19": "DC",
	"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01": "UID",
}

// String returns the name on one line, most specific part first (RFC 4514,
// section 2). Unprintable characters are replaced.
func (n name) String() string {
	var s strings.Builder
	for i, a := range slices.Backward(n.attributes) {
		s.WriteString(a.label() + "=" + a.display())
		switch {
		case i == 0:
		case n.attributes[i-1].last:
			s.WriteByte(',')
		default:
			s.WriteByte('+')
		}
	}
	return s.String()
}

func (a attribute) label() string {
	if short, ok := attributeNames[string(a.oid)]; ok {
		return short
	}
	return dotted(a.oid)
}

func (a attribute) display() string {
	switch {
	case !a.string:
		return fmt.Sprintf("#%x", a.value)
	case isPlain(a.text):
		return a.text
	}
	return escape(printable(a.text))
}

// isPlain reports whether s needs neither replacement nor escape, as nearly all
// names.
func isPlain(s string) bool {
	for i, c := range []byte(s) {
		plain := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.'
		if !plain && (c != ' ' || i == 0 || i == len(s)-1) {
			return false
		}
	}
	return true
}

// escape escapes the characters that would end or begin a value (RFC 4514,
// section 2.4), so one attribute cannot look like two.
func escape(s string) string {
	var out strings.Builder
	for i, r := range s {
		edge := r == ' ' && (i == 0 || i == len(s)-1) || r == '#' && i == 0
		if edge || strings.ContainsRune(`,+"\<>;`, r) {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}

// dotted returns an object identifier in dotted decimal. It must satisfy
// validOID.
func dotted(oid []byte) string {
	var out []byte
	number := uint64(0)
	for _, c := range oid {
		number = number<<7 | uint64(c&0x7f)
		if c >= 0x80 {
			continue
		}
		if len(out) == 0 { // the first byte encodes two numbers
			first := min(number/40, 2)
			out = strconv.AppendUint(out, first, 10)
			number -= 40 * first
		}
		out = strconv.AppendUint(append(out, '.'), number, 10)
		number = 0
	}
	return string(out)
}

// friendly returns the attribute that people name the certificate by. p11-kit
// uses the same for its label.
func (n name) friendly() string {
	for _, want := range []string{"CN", "OU", "O"} {
		for _, a := range n.attributes {
			if a.text != "" && attributeNames[string(a.oid)] == want {
				return printable(a.text)
			}
		}
	}
	return ""
}

// first returns the most specific non-empty value with that short name.
func (n name) first(short string) string {
	for _, a := range slices.Backward(n.attributes) {
		if a.text != "" && attributeNames[string(a.oid)] == short {
			return a.text
		}
	}
	return ""
}

// printable replaces characters that could move a terminal's cursor or hide
// text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\ufffd'
	}, s)
}
