package cases

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/certs"
)

var update = flag.Bool("update", false, "write the list of cases anew")

// The index of cases, from which documentation is generated, is up to date.
func TestIndex(t *testing.T) {
	const name = "../../readers/testdata/cases.tsv"
	var list strings.Builder
	for _, c := range Chains(t, time.Now()) {
		fmt.Fprintf(&list, "%s\t%s\t%s\n", c.Group, c.ID, c.About)
	}
	_, stores := Stores(t, time.Now())
	for _, s := range stores {
		fmt.Fprintf(&list, "%s\t%s\t%s\n", s.Group, s.ID, s.About)
	}
	if *update {
		if err := os.WriteFile(name, []byte(list.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != list.String() {
		t.Errorf("%s is out of date (%v): go test ./internal/cases -update", name, err)
	}
}

// Each case has an id of its own, and CAs that a store can hold.
func TestChains(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Chains(t, time.Now()) {
		if seen[c.ID] || c.About == "" || c.Host == "" || len(c.Sent) == 0 {
			t.Errorf("%s stands twice or lacks something", c.ID)
		}
		seen[c.ID] = true
		for _, der := range append(c.Sent, c.Trust...) {
			if _, err := certs.ParseCertificate(der); err != nil {
				t.Errorf("%s: %v", c.ID, err)
			}
		}
	}
	if len(seen) < 40 {
		t.Errorf("%d cases, want 40", len(seen))
	}
}

// Each store has an id of its own.
func TestStores(t *testing.T) {
	seen := map[string]bool{}
	servers, stores := Stores(t, time.Now())
	for _, s := range stores {
		if seen[s.ID] || s.About == "" || s.Group == "" {
			t.Errorf("%s stands twice or lacks something", s.ID)
		}
		seen[s.ID] = true
	}
	if len(servers) != 2 || len(seen) < 20 {
		t.Errorf("%d servers, %d stores", len(servers), len(stores))
	}
}
