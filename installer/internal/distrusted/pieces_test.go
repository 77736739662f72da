package distrusted

import (
	"math/rand"
	"slices"
	"strings"
	"testing"
)

// split takes each letter for a certificate and all else for what stands between.
func split(data []byte) (parts []Part) {
	for i, c := range data {
		if c >= 'A' && c <= 'Z' {
			parts = append(parts, Part{i, i + 1, string(c)})
		}
	}
	return parts
}

func cut(text, gone string) (string, []Piece) {
	rest, pieces := Cut([]byte(text), split([]byte(text)), func(p Part) bool { return strings.Contains(gone, p.Print) }, nil)
	return string(rest), pieces
}

// What was cut out of any file comes back where it was.
func TestRestoreUndoesCut(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	for range 2000 {
		letters := []byte("ABCDEFGH")
		random.Shuffle(len(letters), func(i, j int) { letters[i], letters[j] = letters[j], letters[i] })
		var text strings.Builder
		for _, l := range letters[:random.Intn(9)] {
			text.WriteString(strings.Repeat("-", random.Intn(3)) + string(l))
		}
		text.WriteString(strings.Repeat("-", random.Intn(3)))
		gone := string(letters[:random.Intn(4)])
		rest, pieces := cut(text.String(), gone)
		if strings.ContainsAny(rest, gone) {
			t.Fatalf("%q without %q is %q", text.String(), gone, rest)
		}
		if got := string(Restore([]byte(rest), split, pieces)); got != text.String() {
			t.Fatalf("%q without %q is %q, and with it again %q", text.String(), gone, rest, got)
		}
		if got := string(Restore([]byte(text.String()), split, pieces)); got != text.String() {
			t.Fatalf("%q is put back into %q: %q", gone, text.String(), got)
		}
	}
}

// What others did to the file meanwhile stays.
func TestRestoreIntoWhatOthersEdited(t *testing.T) {
	for _, c := range []struct{ was, gone, edited, want string }{
		{"A-B-C", "B", "A--C-X", "A-B-C-X"},
		{"A-B-C", "B", "X-A--C", "X-A-B-C"},
		{"A-B-C", "B", "A", "AB"},
		{"A-B-C", "B", "--C", "--CB"},
		{"A-B-C-D", "CD", "A-B--X", "A-B-C-DX"},
		{"AB", "B", "", "B"},
		{"ABCB", "B", "AC", "ABCB"},
		{"ABCB", "B", "ABC", "ABCB"},
	} {
		_, pieces := cut(c.was, c.gone)
		if got := string(Restore([]byte(c.edited), split, pieces)); got != c.want {
			t.Errorf("%s of %s is put back into %s: %s, want %s", c.gone, c.was, c.edited, got, c.want)
		}
	}
}

// What stands in place of a piece goes when the piece comes back.
func TestRestoreReplaced(t *testing.T) {
	text := []byte("A-B-C")
	rest, pieces := Cut(text, split(text), func(p Part) bool { return p.Print == "B" }, func(Part) []byte { return []byte("b") })
	if string(rest) != "A-b-C" {
		t.Fatalf("%s", rest)
	}
	for edited, want := range map[string]string{"A-b-C": "A-B-C", "b-A-X": "B-A-X", "A--C": "A-B-C"} {
		if got := string(Restore([]byte(edited), split, slices.Clone(pieces))); got != want {
			t.Errorf("%s: %s, want %s", edited, got, want)
		}
	}
}

// The blank line before what stands in the place of a piece is not there where it is
// the first.
func TestRestoreReplacedAtTheBeginning(t *testing.T) {
	pieces := []Piece{{Certificate: "B", Behind: []string{"A"}, Was: []byte("\nB"), Now: []byte("\nb")}}
	for edited, want := range map[string]string{"A\nb\nC": "A\nB\nC", "b\nA\nC": "B\nA\nC"} {
		if got := string(Restore([]byte(edited), split, pieces)); got != want {
			t.Errorf("%q: %q, want %q", edited, got, want)
		}
	}
}

func TestDeselect(t *testing.T) {
	conf := "# a comment\nmozilla/A.crt\n!mozilla/B.crt\n mozilla/C.crt \nmozilla/A.crt.crt"
	out := Deselect([]byte(conf), "mozilla/A.crt")
	if want := strings.Replace(conf, "\nmozilla/A.crt\n", "\n!mozilla/A.crt\n", 1); string(out) != want {
		t.Errorf("%q", out)
	}
	if got := Select(out, "mozilla/A.crt"); string(got) != conf {
		t.Errorf("%q", got)
	}
	if got := Deselect([]byte(conf), "mozilla/C.crt"); !strings.Contains(string(got), "\n !mozilla/C.crt \n") {
		t.Errorf("%q", got)
	}
}
