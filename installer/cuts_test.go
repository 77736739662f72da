package installer

import (
	"math/rand"
	"slices"
	"testing"
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
