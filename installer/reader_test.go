package installer

import (
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// Judging anchors one by one is a short cut: what it says of the bundle must be
// what reading the bundle says.
func TestReadableAsJoined(t *testing.T) {
	a, b := roottest.NewCA(t, "A").PEM(), roottest.NewCA(t, "B").PEM()
	parts := map[string]string{
		"certificate": a, "two": a + b, "text": "# a comment\n", "nothing": "", "blank": "\n\n",
		"no line feed": strings.TrimSuffix(b, "\n"), "text without line feed": b + "end", "mark": "\ufeff" + b, "text and mark": "x\n\ufeff" + b,
		"CRLF": strings.ReplaceAll(b, "\n", "\r\n"), "indented": " " + strings.ReplaceAll(b, "\n", "\n "), "glued": strings.TrimSuffix(a, "\n") + b,
		"damaged": strings.Replace(b, "MI", "!!", 1), "no end": b[:len(b)/2], "only begin": "-----BEGIN CERTIFICATE-----", "blank line": strings.Replace(b, "\n-----END", "\n\n-----END", 1),
		"in a line": "see -----BEGIN CERTIFICATE----- below\n" + a,
	}
	for first, one := range parts {
		for second, two := range parts {
			for name, each := range map[string]func([]byte) []byte{"debian": debian.each, "alpine": alpine.each} {
				all := &anchors{files: []anchor{{"/a.crt", []byte(one)}, {"/b.crt", []byte(two)}, {"/c.crt", []byte(a)}}}
				made := all.concat(each)
				whole, err := newReader().open(made)
				if got, want := all.readable(newReader(), each), err == nil && len(whole.cuts) == 0; got != want {
					t.Errorf("%s: %s, %s: readable is %v, want %v", name, first, second, got, want)
				}
				if !all.makes(made, each) || all.makes(append(made, 'x'), each) || all.makes(made[:len(made)-1], each) {
					t.Errorf("%s: %s, %s: makes does not agree with concat", name, first, second)
				}
			}
		}
	}
}

func TestSingle(t *testing.T) {
	a, b := roottest.NewCA(t, "A").PEM(), roottest.NewCA(t, "B").PEM()
	list := "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"
	for what, c := range map[string]struct {
		text string
		one  bool
	}{
		"one": {a, true}, "text": {"text\n" + a + "text", true}, "with a list": {a + list, true}, "none": {"text", false}, "a list": {list, false},
		"two": {a + b, false}, "the same twice": {a + a, false}, "damaged behind it": {a + b[:len(b)/2], false}, "damaged behind two": {a + b + b[:len(b)/2], false},
	} {
		fresh, ahead := newReader(), newReader()
		blocks, readErr := ahead.read([]byte(c.text))
		for range 2 {
			if (fresh.single([]byte(c.text)) != nil) != c.one || (ahead.single([]byte(c.text)) != nil) != c.one {
				t.Errorf("%s: single certificate is not %v", what, c.one)
			}
		}
		again, err := fresh.read([]byte(c.text)) // single must not have left half of it
		if len(again) != len(blocks) || (err == nil) != (readErr == nil) {
			t.Errorf("%s: %d blocks, %v; read at once %d, %v", what, len(again), err, len(blocks), readErr)
		}
	}
}

// What is read ahead is what is read otherwise.
func TestReadAhead(t *testing.T) {
	a, b := []byte(roottest.NewCA(t, "A").PEM()), []byte(roottest.NewCA(t, "B").PEM())
	texts := [][]byte{a, slices.Concat(a, b), []byte("text"), b[:len(b)/2], b}
	ahead, plain := newReader(), newReader()
	parse, wait := ahead.ahead()
	for _, text := range texts {
		parse(text)
	}
	wait()
	for i, text := range texts {
		if _, known := ahead.files[stretchOf(text)]; !known {
			t.Errorf("file %d was not read ahead", i)
		}
		got, gotErr := ahead.read(text)
		want, wantErr := plain.read(text)
		if len(got) != len(want) || (gotErr == nil) != (wantErr == nil) {
			t.Errorf("file %d: %d blocks %v, want %d %v", i, len(got), gotErr, len(want), wantErr)
		}
	}
}
