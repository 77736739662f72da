package pemfile

import (
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// Unpatch undoes recorded changes, whatever they cut.
func TestUnpatch(t *testing.T) {
	for seed := range int64(5000) {
		random := rand.New(rand.NewSource(seed))
		was := randomText(random, 20)
		cuts := randomCuts(random, was)
		is := Patch(was, cuts)
		if got := Unpatch(is, cuts); string(got) != string(was) {
			t.Fatalf("seed %d: %q by %v is %q, undone it is %q", seed, was, cuts, is, got)
		}
	}
}

func randomText(random *rand.Rand, most int) []byte {
	text := make([]byte, random.Intn(most))
	for i := range text {
		text[i] = byte('a' + random.Intn(26))
	}
	return text
}

func randomCuts(random *rand.Rand, data []byte) (cuts []Cut) {
	for at := 0; at <= len(data) && len(cuts) < 4; at += random.Intn(4) {
		n := random.Intn(min(5, len(data)-at+1))
		cuts = append(cuts, Cut{Offset: at, Was: slices.Clone(data[at : at+n]), Now: string(randomText(random, 4))})
		at += n
	}
	return cuts
}

// A certificate that could be read before and cannot be read after is an error.
func TestLost(t *testing.T) {
	a, b := roottest.NewCA(t, "A").PEM(), roottest.NewCA(t, "B").PEM()
	for _, test := range []struct{ was, is, lost string }{
		{a + b, a + "<p>" + b, "CN=B"},
		{a + b, b + a, ""},
		{a + " " + b, a, "CN=B"},
		{" " + a, a, ""},
		{a + "-----BEGIN CERTIFICATE-----\n@\n-----END CERTIFICATE-----\n" + b, a, "CN=B"},
		{a + "\x00\n" + b, "\x00\n" + a + b, "CN=A"},
	} {
		got := ""
		if c := NewReader().lost([]byte(test.was), []byte(test.is)); c != nil {
			got, _, _ = strings.Cut(c.Subject(), ",")
		}
		if got != test.lost {
			t.Errorf("%q: %q is lost, want %q", test.is, got, test.lost)
		}
	}
}
