package words

import (
	"strings"
	"testing"
)

func TestLists(t *testing.T) {
	for got, want := range map[string]string{
		Plural(0, "store"): "0 stores", Plural(1, "store"): "1 store", Plural(2, "store"): "2 stores", Plural(2, "directory"): "2 directories",
		Some([]string{"a", "b"}, 2): "a; b", Some([]string{"a", "b", "c"}, 2): "a; b and 1 more",
		Or([]string{"a"}): "a", Or([]string{"b", "a"}): "b or a", Or([]string{"c", "b", "a"}): "c, b or a", Or(nil): "", List([]string{"c", "b", "a"}): "c, b and a",
		strings.Map(Visible, "a\x1b[31m\u202e\t\nb"): "a\ufffd[31m\ufffd \nb",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Groups come in the order of their first members, and members in theirs.
func TestGroup(t *testing.T) {
	var got []string
	for initial, rest := range Group([]string{"by", "at", "bo", "cu", "an"}, func(s string) (byte, string) { return s[0], s[1:] }) {
		got = append(got, string(initial)+strings.Join(rest, ""))
	}
	if text := strings.Join(got, " "); text != "byo atn cu" {
		t.Errorf("groups are %s", text)
	}
}
