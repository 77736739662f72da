package installer

import (
	"math/rand"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// Two changes after each other are one that does the same and can be undone.
func TestCompose(t *testing.T) {
	for seed := range int64(5000) {
		random := rand.New(rand.NewSource(seed))
		was := randomText(random, 20)
		first := randomCuts(random, was)
		mid := patch(was, first)
		second := randomCuts(random, mid)
		is := patch(mid, second)
		all := compose(mid, first, second)
		if got := patch(was, all); string(got) != string(is) {
			t.Fatalf("seed %d: %q by %v and %v is %q, composed %q", seed, was, first, second, is, got)
		}
		if got := unpatch(is, all); string(got) != string(was) {
			t.Fatalf("seed %d: undone it is %q, not %q", seed, got, was)
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

func randomCuts(random *rand.Rand, data []byte) (cuts []cut) {
	for at := 0; at <= len(data) && len(cuts) < 4; at += random.Intn(4) {
		n := random.Intn(min(5, len(data)-at+1))
		cuts = append(cuts, cut{Offset: at, Was: slices.Clone(data[at : at+n]), Now: string(randomText(random, 4))})
		at += n
	}
	return cuts
}

// A file that was repaired before, by a program that did not see all of the
// damage, is repaired again, and can still be made what it was first.
func TestRepairAgain(t *testing.T) {
	const name = "etc/ssl/certs/ca-certificates.crt"
	good, bad := roottest.NewCA(t, "Good").PEM(), "-----BEGIN CERTIFICATE-----\n@\n-----END CERTIFICATE-----\n"
	corp := fuzzSource(t, []byte(roottest.NewCA(t, "Corp").PEM()))
	tree := fstest.MapFS{name: {Data: []byte(strings.TrimSpace(good)), Mode: 0o644}}
	o := rootfs.NewOverlay(tree)
	if _, err := Install(o, []Source{corp}, Options{}); err != nil {
		t.Fatal(err)
	}
	tree = changed(tree, o)
	tree[RecordPath].Data = []byte(strings.Replace(string(tree[RecordPath].Data), digest([]byte(good)), digest([]byte(good+bad)), 1))
	tree[name].Data = []byte(good + bad + string(corp.Certs.AppendPEM(nil)))
	o = rootfs.NewOverlay(tree)
	if _, err := Install(o, []Source{corp}, Options{}); err != nil {
		t.Fatal(err)
	}
	tree = changed(tree, o)
	if got := string(tree[name].Data); got != good+string(corp.Certs.AppendPEM(nil)) {
		t.Errorf("repaired it is %q", got)
	}
	o = rootfs.NewOverlay(tree)
	if _, err := Remove(o, Selection{All: true}, Options{}); err != nil {
		t.Fatal(err)
	}
	if got := string(changed(tree, o)[name].Data); got != strings.TrimSpace(good)+bad {
		t.Errorf("it was made %q", got)
	}
}

// What was read before and is not any more is an error, not a loss.
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
		if c := newReader().lost([]byte(test.was), []byte(test.is)); c != nil {
			got, _, _ = strings.Cut(c.Subject(), ",")
		}
		if got != test.lost {
			t.Errorf("%q: %q is lost, want %q", test.is, got, test.lost)
		}
	}
}
