package installer

import (
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/internal/roottest"
)

// Judging the anchors one by one is a short cut. It must give the same result as
// reading the bundle.
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
				whole, err := pemfile.NewReader().Open(made)
				if got, want := all.readable(pemfile.NewReader(), each), err == nil && len(whole.Steps) == 0; got != want {
					t.Errorf("%s: %s, %s: readable is %v, want %v", name, first, second, got, want)
				}
				if !all.makes(made, each) || all.makes(append(made, 'x'), each) || all.makes(made[:len(made)-1], each) {
					t.Errorf("%s: %s, %s: makes does not agree with concat", name, first, second)
				}
			}
		}
	}
}
