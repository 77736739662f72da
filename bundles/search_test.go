package bundles

import (
	"crypto/x509"
	"slices"
	"strings"
	"testing"
)

func idsOf(providers []*Provider) (ids []string) {
	for _, p := range providers {
		ids = append(ids, p.ID)
	}
	return ids
}

// Each word may stand anywhere, and the best result comes first.
func TestSearchEveryWordAnywhere(t *testing.T) {
	c, err := Catalog(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]struct {
		first string // in the first three results
		among string
	}{
		"postgres ssl":            {"", "aws-rds digitalocean-db gcp-cloudsql scaleway-db azure-db supabase"},
		"azure postgres":          {"azure-db", "azure-db"},
		"mysql ssl":               {"", "aws-rds azure-db planetscale"},
		"postgres":                {"", "aws-rds digitalocean-db gcp-cloudsql scaleway-db"},
		"kafka":                   {"", "aiven confluent-cloud amazon-roots digitalocean-db"},
		"redis":                   {"redis-cloud", "redis-cloud amazon-roots aiven"},
		"isrg":                    {"letsencrypt", "letsencrypt neon"},
		"ISRG Root":               {"letsencrypt", "letsencrypt"},
		"aws redis":               {"amazon-roots", "amazon-roots"},
		"digital ocean":           {"digitalocean-db", "digitalocean-db"},
		"pg supabase certificate": {"supabase", "supabase"},
		"ssl":                     {"", "aws-rds"},
		"nonsense":                {"", ""},
	} {
		found := idsOf(c.Search(query))
		for id := range strings.FieldsSeq(want.among) {
			if !slices.Contains(found, id) && query != "ssl" {
				t.Errorf("%q does not find %s: %v", query, id, found)
			}
		}
		if want.first != "" && !slices.Contains(found[:min(3, len(found))], want.first) {
			t.Errorf("%q: %s is not among the first: %v", query, want.first, found)
		}
		if want.among == "" && len(found) > 0 {
			t.Errorf("%q finds %v", query, found)
		}
	}
	if all := c.Search(""); len(all) != len(c.providers) || !slices.IsSorted(idsOf(all)) {
		t.Errorf("nothing finds %d", len(all))
	}
}

// A server that resembles a provider's names the provider: by its host, else by
// its issuer.
func TestR9Resembling(t *testing.T) {
	c, err := Catalog(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ host, issuer, want string }{
		{"pg-1.x.aivencloud.com", "CN=1234 Project CA", "aiven"},
		{"db-x.b.db.ondigitalocean.com", "CN=1234 Project CA", "digitalocean-db"},
		{"10.0.0.1", "CN=1234 Project CA", "aiven digitalocean-db"},
		{"10.0.0.1", "CN=Google Cloud SQL Server CA,O=Google\\, Inc,C=US", "gcp-cloudsql-instance"},
		{"10.0.0.1", "CN=kubernetes", "kubernetes-cluster"},
		{"10.0.0.1", "CN=kubernetes-cluster of ours", "kubernetes-cluster"},
		{"evilaivencloud.com", "CN=Acme", ""},
		{"example.com", "CN=Zscaler Intermediate Root CA (zscaler.net)", "zscaler"},
	} {
		if got := strings.Join(idsOf(c.Resembling(test.host, []string{test.issuer})), " "); got != test.want {
			t.Errorf("%s %s: %q, want %q", test.host, test.issuer, got, test.want)
		}
	}
}

// strictly says why strict readers, such as Python from 3.13 on, refuse a CA:
// RFC 5280 requires these fields.
func strictly(c *x509.Certificate) string {
	critical := false
	for _, e := range c.Extensions {
		critical = critical || e.Id.String() == "2.5.29.19" && e.Critical
	}
	switch {
	case len(c.SubjectKeyId) == 0:
		return "no subject key identifier"
	case c.BasicConstraintsValid && !critical:
		return "basic constraints are not critical"
	case c.KeyUsage == 0:
		return "no key usage"
	}
	return ""
}

// The catalogue marks exactly the entries with a CA that strict readers refuse,
// among those with certificates in this program.
func TestR4StrictEntriesSaySo(t *testing.T) {
	for _, p := range readCatalog(t) {
		set, _, _ := p.Snapshot()
		if p.ID == mozillaID || set.Len() == 0 {
			continue
		}
		found := map[string]int{}
		for c := range set.All() {
			if x := c.X509(); x != nil && strictly(x) != "" {
				found[strictly(x)]++
			}
		}
		if (len(found) > 0) != (p.Strict != "") {
			t.Errorf("%s, %d certificates: %v, its entry says %q", p.ID, set.Len(), found, p.Strict)
		}
	}
}
