package pemfile

import (
	"slices"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

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
		fresh, ahead := NewReader(), NewReader()
		blocks, readErr := ahead.Read([]byte(c.text))
		for range 2 {
			if (fresh.Single([]byte(c.text)) != nil) != c.one || (ahead.Single([]byte(c.text)) != nil) != c.one {
				t.Errorf("%s: single certificate is not %v", what, c.one)
			}
		}
		again, err := fresh.Read([]byte(c.text)) // single must not have left half of it
		if len(again) != len(blocks) || (err == nil) != (readErr == nil) {
			t.Errorf("%s: %d blocks, %v; read at once %d, %v", what, len(again), err, len(blocks), readErr)
		}
	}
}

// Reading ahead gives the same result as reading.
func TestReadAhead(t *testing.T) {
	a, b := []byte(roottest.NewCA(t, "A").PEM()), []byte(roottest.NewCA(t, "B").PEM())
	texts := [][]byte{a, slices.Concat(a, b), []byte("text"), b[:len(b)/2], b}
	ahead, plain := NewReader(), NewReader()
	parse, wait := ahead.Ahead()
	for _, text := range texts {
		parse(text)
	}
	wait()
	for i, text := range texts {
		if _, known := ahead.files[stretchOf(text)]; !known {
			t.Errorf("file %d was not read ahead", i)
		}
		got, gotErr := ahead.Read(text)
		want, wantErr := plain.Read(text)
		if len(got) != len(want) || (gotErr == nil) != (wantErr == nil) {
			t.Errorf("file %d: %d blocks %v, want %d %v", i, len(got), gotErr, len(want), wantErr)
		}
	}
}
