package readers

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/cases"
)

// measured reads a table of e2e/readers: cells by case and client.
func measured(t testing.TB, name string) (clients []string, cells map[string]map[string]string) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	cells = map[string]map[string]string{}
	for n, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		fields := strings.Split(line, "\t")
		if n == 0 {
			clients = fields[1:]
			continue
		}
		cells[fields[0]] = map[string]string{}
		for i, cell := range fields[1:] {
			cells[fields[0]][clients[i]] = cell
		}
	}
	return clients, cells
}

func parsed(t testing.TB, ders [][]byte) (all []*certs.Certificate) {
	t.Helper()
	for _, der := range ders {
		c, err := certs.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

// families are causes that one client distinguishes and another does not.
var families = []string{
	"authority purpose path-length constraints version", "expired not-yet-valid", "signature weak-key weak-digest", "self-signed untrusted",
	"malformed strict purpose path-length critical",
}

// agrees reports whether a client's result matches a verdict. A client says
// "untrusted" if it looked for a path and found none, and "other" if it gives no
// reason.
func agrees(cell string, v Verdict) bool {
	if cell == "ok" || v.Trusted {
		return (cell == "ok") == v.Trusted
	}
	cause := string(v.Cause)
	if cell == cause || cell == "untrusted" || cell == "other" {
		return true
	}
	for _, f := range families {
		if words := " " + f + " "; strings.Contains(words, " "+cell+" ") && strings.Contains(words, " "+cause+" ") {
			return true
		}
	}
	return false
}

// judgements compares rules with the results of every client in every case.
func judgements(t testing.TB, rulesOf func(client string) rules, differs func(client, id, cell string, v Verdict)) {
	t.Helper()
	clients, cells := measured(t, "matrix.tsv")
	now := time.Now()
	chains := cases.Chains(t, now)
	trust := &certs.Set{}
	for _, c := range chains {
		for _, ca := range parsed(t, c.Trust) {
			trust.Add(ca, c.ID)
		}
	}
	for _, c := range chains {
		sent := parsed(t, c.Sent)
		for _, client := range clients {
			r := rulesOf(client)
			v := r.judge(newMemory(), sent, trust, c.Host, now)
			if cell := cells[c.ID][client]; !agrees(cell, v) {
				differs(client, c.ID, cell, v)
			}
		}
	}
}

// clientRules returns the rules of a column of the matrix.
func clientRules(t testing.TB, client string) rules {
	t.Helper()
	id, release, _ := strings.Cut(client, "/")
	r, ok := Named(id, release)
	if !ok {
		t.Fatalf("%s is no reader", id)
	}
	return *r.rules
}

// Each reader judges as each of its real clients judged.
func TestMatrix(t *testing.T) {
	judgements(t, func(client string) rules { return clientRules(t, client) }, func(client, id, cell string, v Verdict) {
		t.Errorf("%s of %s: the client said %s, the rules %+v", id, client, cell, v)
	})
}

// A run has shown each difference of a reader's rules from the usual ones: without
// it a cell of the matrix would differ.
func TestEachRuleIsMeasured(t *testing.T) {
	clients, cells := measured(t, "matrix.tsv")
	now := time.Now()
	chains := cases.Chains(t, now)
	sent, trust := map[string][]*certs.Certificate{}, map[string]*certs.Set{}
	for _, c := range chains {
		sent[c.ID], trust[c.ID] = parsed(t, c.Sent), &certs.Set{}
		for _, ca := range parsed(t, c.Trust) {
			trust[c.ID].Add(ca, "")
		}
	}
	differs := func(client string, r rules) bool {
		return slices.ContainsFunc(chains, func(c cases.Chain) bool {
			return !agrees(cells[c.ID][client], r.judge(newMemory(), sent[c.ID], trust[c.ID], c.Host, now))
		})
	}
	shown := map[string]bool{} // by row and field
	for _, client := range clients {
		for field, without := range reduced(clientRules(t, client)) {
			id, _, _ := strings.Cut(client, "/")
			shown[id+" "+field] = shown[id+" "+field] || differs(client, without)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(shown)) {
		if !shown[what] {
			t.Errorf("%s: no case shows it", what)
		}
	}
}

// reduced returns rules without one difference, by the name of the difference.
func reduced(r rules) map[string]rules {
	out := map[string]rules{}
	var walk func(at func(*rules) reflect.Value, prefix string)
	walk = func(at func(*rules) reflect.Value, prefix string) {
		v := at(&r)
		for i := range v.NumField() {
			name, field := prefix+v.Type().Field(i).Name, func(r *rules) reflect.Value { return unlocked(at(r).Field(i)) }
			switch f := field(&r); {
			case f.Kind() == reflect.Struct:
				walk(field, name+".")
			case f.Kind() == reflect.Uint: // aspects, one at a time
				for bit := uint64(1); bit <= f.Uint(); bit <<= 1 {
					if f.Uint()&bit != 0 {
						less := r
						field(&less).SetUint(f.Uint() &^ bit)
						out[fmt.Sprintf("%s %#x", name, bit)] = less
					}
				}
			case f.Kind() == reflect.Slice:
				for n := range f.Len() {
					less := r
					field(&less).Set(reflect.ValueOf(slices.Delete(slices.Clone(r.refused), n, n+1)))
					out[name+" "+r.refused[n]] = less
				}
			case !f.IsZero():
				less := r
				field(&less).SetZero()
				out[name] = less
			}
		}
	}
	walk(func(r *rules) reflect.Value { return reflect.ValueOf(r).Elem() }, "")
	return out
}

// unlocked lets a test set a field that is not exported.
func unlocked(v reflect.Value) reflect.Value {
	return reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
}
