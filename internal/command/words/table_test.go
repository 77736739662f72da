package words

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// A table that is wider than the terminal breaks between words. Without a terminal
// every row is one line.
func TestTable(t *testing.T) {
	rows := [][]string{
		{"STORE", "FORMAT", "CERTIFICATES", "EXPIRED", "WITHIN 90 DAYS", "READS"},
		{"/etc/ssl/certs/ca-certificates.crt", "PEM bundle", "150", "2", "0", "/etc/ssl/certs/ca-certificates.crt, what SSL_CERT_FILE names"},
		{"/etc/ssl/certs", "hash links", "151", "2", "0", "/root/.pyenv/versions/3.11.7/lib/python3.11/site-packages/certifi/cacert.pem"},
		{"a", "left as it is, since the layer was not read and nobody asked for it at all by any flag"},
	}
	var whole, narrow strings.Builder
	Table(&whole, rows, 0)
	if got := strings.Count(whole.String(), "\n"); got != len(rows) {
		t.Errorf("%d lines, want one a row:\n%s", got, whole.String())
	}
	Table(&narrow, rows, 80)
	words := map[string]bool{}
	for _, row := range rows {
		for word := range strings.FieldsSeq(strings.Join(row, " ")) {
			words[word] = true
		}
	}
	for line := range strings.Lines(narrow.String()) {
		if n := utf8.RuneCountInString(line) - 1; n > 80 && len(strings.Fields(line)) > 1 {
			t.Errorf("%d columns: %s", n, line)
		}
		for word := range strings.FieldsSeq(line) {
			if !words[word] {
				t.Errorf("%q is no whole word", word)
			}
		}
	}
	got := map[string]bool{}
	for word := range strings.FieldsSeq(narrow.String()) {
		got[word] = true
	}
	if len(got) != len(words) {
		t.Errorf("%d words, want %d:\n%s", len(got), len(words), narrow.String())
	}
}

func TestWrap(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "",
		"one two three":      "one two|  three",
		"much-longer-than-8": "much-longer-than-8",
		"a much-longer b":    "a|  much-longer|  b",
		"äöü ßäö x":          "äöü ßäö|  x",
	} {
		if got := strings.Join(Wrap(text, 8, "  "), "|"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
