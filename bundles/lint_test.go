package bundles

import (
	"bytes"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/certs"
)

// readCatalog returns the entries of catalog.json, checked.
func readCatalog(t *testing.T) []*Provider {
	t.Helper()
	data, err := os.ReadFile("catalog.json")
	if err != nil {
		t.Fatal(err)
	}
	file, err := decodeCatalog(data)
	if err != nil {
		t.Fatal(err)
	}
	return file.Providers
}

// The catalogue is data; this test is its lint. It also applies the checks of
// catalogue files.
func TestCatalogueLint(t *testing.T) {
	providers := readCatalog(t)
	c := &Catalogue{byName: map[string]*Provider{}}
	if err := c.addAll(providers); err != nil {
		t.Error(err)
	}
	var ids []string
	for _, p := range providers {
		ids = append(ids, p.ID)
		found := lint(p)
		if why, ok := firmly[p.ID]; ok {
			rest := slices.DeleteFunc(slices.Clone(found), func(problem string) bool { return problem == oneSource || problem == noneKnown })
			if len(rest) == len(found) {
				t.Errorf("%s: it needs no exception any more: %s", p.ID, why)
			}
			found = rest
		}
		for _, problem := range found {
			t.Errorf("%s: %s", p.ID, problem)
		}
	}
	if !slices.IsSorted(ids) {
		t.Errorf("not sorted: %v", ids)
	}
	if len(ids) < 62 {
		t.Errorf("%d providers", len(ids))
	}
}

// Requirements of the confidence high that an entry may miss.
const (
	oneSource = "its confidence is high without two sources that do not copy from each other"
	noneKnown = "its confidence is high and none of its certificates is known"
)

// firmly lists entries with confidence high for another reason than two sources
// and known certificates. Do not add new entries.
var firmly = map[string]string{
	"aws-rds-china":             "the file could not be had; two projects name the same URL",
	"clickhouse-cloud-postgres": "a command of the provider's own documentation",
	"cockroach-cloud":           "its one source stands for ten repositories",
	"couchbase-capella":         "the provider's own module has the certificate",
	"digitalocean-db":           "a command of the provider's own documentation",
	"dod-pki":                   "the publisher signs a list of digests",
	"google-roots":              "the file changes; three projects carry copies of it",
	"kubernetes-cluster":        "every pod has the file",
	"letsencrypt":               "the publisher's own repository has the certificates",
	"letsencrypt-staging":       "the publisher's own repository has the certificates",
	"mozilla":                   "the file changes; four projects carry copies of it",
	"tidb-cloud":                "a root of letsencrypt",
	"ubicloud-postgres":         "a command of the provider's own documentation",
}

// lint returns the problems of an entry that [Provider.check] does not find.
func lint(p *Provider) []string {
	var found []string
	expect := func(ok bool, problem string) {
		if !ok {
			found = append(found, problem)
		}
	}
	page, err := url.Parse(p.Homepage)
	expect(err == nil && page.Scheme == "https" && page.Host != "", "its page is no https URL")
	_, err = time.Parse(time.DateOnly, p.Evidence.Date)
	expect(err == nil, "its evidence has no date")
	expect(slices.Contains([]string{"high", "medium", "low"}, p.Evidence.Confidence), "its confidence is not high, medium or low")
	expect(p.Title != "" && p.Evidence.Checksum != "", "it has no title, or does not say whether a checksum is published")
	expect(slices.IsSorted(p.Aliases), "its aliases are not sorted")
	installable := p.Kind == Static || p.Kind == Packaged || p.Kind == PerAccount
	expect(installable == (len(p.Formats) > 0), "it has no formats, or has them with nothing to install")
	expect(p.Kind != Static && p.Kind != Packaged || p.Evidence.Confidence == "low" || len(p.Evidence.Sources) > 0 || p.Evidence.Notes != "", "nothing says why it is believed")
	high := p.Evidence.Confidence == "high"
	expect(!high || len(p.Evidence.Sources) >= 2, oneSource)
	expect(!high || p.Kind != Static && p.Kind != Packaged || len(p.Known) > 0, noneKnown)
	expect(p.Kind != PerAccount || strings.Contains(strings.Join(p.Commands, "\n"), "certgraft install "), "its commands install nothing")
	expect((len(p.Known) > 0) == (p.Evidence.Set != ""), "its known certificates have no set digest, or the other way round")
	for i, k := range p.Known {
		_, err := time.Parse(time.DateOnly, k.NotAfter)
		expect(err == nil && k.Name != "", k.SHA256+" has no name or no date")
		expect(!slices.ContainsFunc(p.Known[:i], func(o Known) bool { return o.SHA256 == k.SHA256 }), k.SHA256+" is there twice")
	}
	return found
}

// Each rule of the lint finds an entry that breaks it.
func TestLintFinds(t *testing.T) {
	twice := func(p *Provider) { p.Known = append(p.Known, p.Known[0]) }
	for name, spoil := range map[string]func(*Provider){
		"page": func(p *Provider) { p.Homepage = "http://x.example" }, "date": func(p *Provider) { p.Evidence.Date = "2026" },
		"confidence": func(p *Provider) { p.Evidence.Confidence = "sure" }, "title": func(p *Provider) { p.Title = "" },
		"aliases": func(p *Provider) { p.Aliases = []string{"b", "a"} }, "formats": func(p *Provider) { p.Formats = nil },
		"evidence": func(p *Provider) { p.Evidence.Sources, p.Evidence.Notes = nil, "" }, "twice": twice,
		"commands": func(p *Provider) { p.Kind = PerAccount }, "digest": func(p *Provider) { p.Evidence.Set = "" },
		"one source": func(p *Provider) { p.Evidence.Sources = p.Evidence.Sources[:1] },
		"none known": func(p *Provider) { p.Known, p.Evidence.Set = nil, "" },
		"expiry":     func(p *Provider) { p.Known[0].NotAfter = "never" },
	} {
		p := mustFind(t, "aws-rds")
		if problems := lint(p); len(problems) > 0 {
			t.Fatal(problems)
		}
		spoil(p)
		if len(lint(p)) == 0 {
			t.Errorf("%s: nothing found", name)
		}
	}
}

// Names in common use lead to the entry whose CAs their servers use.
func TestAliases(t *testing.T) {
	for id, aliases := range map[string]string{
		"aws-rds":      "rds aurora documentdb aws-aurora aws-documentdb",
		"amazon-roots": "amazon-trust-services neptune rds-proxy elasticache memorydb msk",
		"azure-db":     "azure-database azure-postgresql azure-mysql",
	} {
		for alias := range strings.FieldsSeq(aliases) {
			if p := mustFind(t, alias); p.ID != id {
				t.Errorf("%s is %s", alias, p.ID)
			}
		}
	}
	rds := mustFind(t, "rds")
	if len(rds.Known) != 108 || len(rds.Regions) != 34 || len(rds.known("eu-west-1")) != 3 {
		t.Errorf("aws-rds: %d certificates, %d regions", len(rds.Known), len(rds.Regions))
	}
}

// Only one entry uses http, and it has a pin.
func TestOnlyPinnedEntriesAreHTTP(t *testing.T) {
	data, err := os.ReadFile("catalog.json")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(data, []byte(`"http://`)); n != 1 || !strings.HasPrefix(mustFind(t, "us-fpki").URLs[0], "http://") {
		t.Errorf("%d http URLs", n)
	}
}

// The catalogue has each embedded certificate, with the same data.
func TestSnapshotIsExplained(t *testing.T) {
	known := map[certs.Fingerprint]Known{}
	for _, p := range readCatalog(t) {
		for _, k := range p.Known {
			known[k.fingerprint()] = k
		}
	}
	seen := map[certs.Fingerprint]bool{}
	for cert, err := range certs.Parse(snapshotDER) {
		if err != nil {
			t.Fatal(err)
		}
		f := cert.Fingerprint()
		k, ok := known[f]
		if !ok || k.Name != cert.Name() || k.NotAfter != cert.NotAfter().Format(time.DateOnly) || seen[f] {
			t.Errorf("%s, %s is there twice, or the catalogue does not know it as that: %+v", cert.Name(), cert.NotAfter(), k)
		}
		seen[f] = true
	}
	if len(seen) != len(snapshots()) {
		t.Errorf("%d certificates are embedded, %d are found", len(seen), len(snapshots()))
	}
	vetted := maps.Clone(mozillaDER())
	for f, c := range snapshots() {
		vetted[f] = c.Raw
	}
	for f, der := range vetted {
		c, err := certs.ParseCertificate(der)
		if err != nil || c.Fingerprint() != f || c.Quirk() != "" {
			t.Errorf("%v is not fit to be called vetted: %v, %s", f, err, c.Quirk())
		}
	}
	for id, want := range map[string]int{"aws-rds": 87, "amazon-roots": 5, "aws-keyspaces": 5, "aws-redshift": 4, "azure-db": 3, "azure-tls-roots": 3,
		"couchbase-capella": 1, "letsencrypt": 2, "redis-cloud": 2, "tidb-cloud": 1, "yandex-cloud": 2, "supabase": 0} {
		if set, _, _ := mustFind(t, id).Snapshot(); set.Len() != want {
			t.Errorf("%s: %d certificates in the snapshot, want %d", id, set.Len(), want)
		}
	}
}

// A complete snapshot has the digest in the evidence. An incomplete one names
// the missing certificates.
func TestSnapshotDigests(t *testing.T) {
	whole := 0
	for _, p := range readCatalog(t) {
		set, complete, missing := p.Snapshot()
		switch {
		case p.ID == mozillaID:
		case complete && set.Digest() != p.Evidence.Set:
			t.Errorf("%s: the snapshot has the set digest %s, the evidence says %s", p.ID, set.Digest(), p.Evidence.Set)
		case complete:
			whole++
		case p.Kind == Packaged:
			t.Errorf("%s: %v is in packages alone, and not in this program", p.ID, missing)
		}
		if set.Len()+len(missing) != len(p.Known) && p.ID != mozillaID {
			t.Errorf("%s: %d known, %d in the snapshot, %d missing", p.ID, len(p.Known), set.Len(), len(missing))
		}
	}
	if whole < 9 {
		t.Errorf("%d snapshots are whole", whole)
	}
}

// This test fails one month before an embedded certificate expires. From then
// on, users would read that it is left out.
func TestSnapshotIsNotExpired(t *testing.T) {
	for _, what := range expiring(snapshotDER, time.Now().AddDate(0, 1, 0)) {
		t.Errorf("%s: renew the snapshot (go generate ./bundles), or take it out of the catalogue", what)
	}
	if all := expiring(snapshotDER, time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)); len(all) < 92 {
		t.Errorf("%d certificates expire by the year 2200", len(all))
	}
}

func expiring(bundle []byte, by time.Time) []string {
	var found []string
	for c, err := range certs.Parse(bundle) {
		if err == nil && c.NotAfter().Before(by) {
			found = append(found, c.Name()+" expires on "+c.NotAfter().Format(time.DateOnly))
		}
	}
	return found
}

// Each run reads the catalogue. It allocates for each entry, list and map, but
// not for strings.
func TestCatalogueIsCheap(t *testing.T) {
	n := testing.AllocsPerRun(10, func() {
		if _, err := Catalog(t.Context(), Options{}); err != nil {
			t.Error(err)
		}
	})
	if n > 1500 {
		t.Errorf("%.0f allocations", n)
	}
}

func BenchmarkCatalog(b *testing.B) {
	for b.Loop() {
		if _, err := Catalog(b.Context(), Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
