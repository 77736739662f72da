package readers

import "testing"

// The name of a program leads to its reader, in a release and in a root too.
func TestNamedByProgram(t *testing.T) {
	for name, id := range programNames {
		if r, ok := Named(name, ""); !ok || r.ID != id {
			t.Errorf("%s is %q, want %q", name, r.ID, id)
		}
		for n := range table {
			if table[n].id == name {
				t.Errorf("%s is an id of its own", name)
			}
		}
	}
	if all, ok := Rules().Named("psql/15"); !ok || len(all) != 1 || all[0].ID != "libpq" || all[0].Release != "15" {
		t.Errorf("psql/15 is %+v, %v", all, ok)
	}
}
