package keystore_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/keystore"
)

// A cut entry returns to its place, byte for byte, whichever entries were cut.
// Entries that were added at the end meanwhile stay behind it.
func TestRestoreUndoesCut(t *testing.T) {
	theirs, a, b, later := cert(t, "Theirs"), cert(t, "A"), cert(t, "B"), cert(t, "Later")
	for name, data := range foreign(t, theirs) {
		if name == "legacy RC2" {
			continue // this part is not written
		}
		whole := open(t, data)
		add(t, whole, "a", a)
		add(t, whole, "b", b)
		want := encode(t, whole)
		add(t, whole, "later", later)
		wantLater := encode(t, whole)
		for _, gone := range []string{"theirs", "a", "b", "a b", "theirs a", "theirs b", "theirs a b"} {
			s := open(t, want)
			pieces, err := s.Cut(func(e keystore.Entry) bool { return strings.Contains(gone, strings.ToLower(e.Alias)) })
			if err != nil || len(pieces) != len(strings.Fields(gone)) {
				t.Fatalf("%s: %d pieces of %s: %v", name, len(pieces), gone, err)
			}
			text, err := json.Marshal(pieces)
			if err != nil {
				t.Fatal(err)
			}
			var kept []keystore.Piece
			if err := json.Unmarshal(text, &kept); err != nil {
				t.Fatal(err)
			}
			without := encode(t, s)
			again := open(t, without)
			if err := again.Restore(kept); err != nil {
				t.Fatal(err)
			}
			if got := encode(t, again); !bytes.Equal(got, want) {
				t.Errorf("%s: without %s and back, the file is another", name, gone)
			}
			if err := again.Restore(kept); err != nil || !bytes.Equal(encode(t, again), want) {
				t.Errorf("%s: %s is put back twice: %v", name, gone, err)
			}
			if strings.HasPrefix(gone, "theirs a b") {
				continue // nothing tells the places of the others
			}
			s = open(t, without)
			add(t, s, "later", later)
			if err := s.Restore(kept); err != nil {
				t.Fatal(err)
			}
			if got := encode(t, s); !bytes.Equal(got, wantLater) {
				t.Errorf("%s: what was added while %s was out does not stand behind it", name, gone)
			}
		}
	}
}
