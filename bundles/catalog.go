package bundles

import (
	"bytes"
	"cmp"
	_ "embed" // the catalogue
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
)

// catalogJSON is the catalogue: data with its evidence, no code.
//
//go:embed catalog.json
var catalogJSON []byte

// catalogVersion is the schema that this program reads.
const catalogVersion = 1

// Catalogue is the list of providers whose bundles certgraft knows.
type Catalogue struct {
	providers []*Provider // by id
	byName    map[string]*Provider
}

// Provider is one entry of the catalogue.
type Provider struct {
	ID       string              `json:"id"`
	Title    string              `json:"title"`
	Aliases  []string            `json:"aliases,omitzero"`
	Homepage string              `json:"homepage"`
	Kind     Kind                `json:"kind"`
	URLs     []string            `json:"urls,omitzero"`    // the files that together are the bundle
	Regions  map[string][]string `json:"regions,omitzero"` // the same, of one region or partition
	Commands []string            `json:"commands,omitzero"`
	Pin      string              `json:"pin,omitzero"` // set digest that a download must have
	Evidence Evidence            `json:"evidence"`
	Known    []Known             `json:"known,omitzero"` // the certificates that were in the bundle at Evidence.Date
}

// Kind says how a provider's certificates are had.
type Kind string

// The kinds.
const (
	Static     Kind = "static"      // at fixed URLs
	PerAccount Kind = "per-account" // by the Commands of the entry, with an account's credentials
	PublicRoot Kind = "public-root" // nothing to install: its servers chain to public roots
)

// Evidence says why the entry is believed.
type Evidence struct {
	Date       string   `json:"date"`       // when it was checked
	Confidence string   `json:"confidence"` // high, medium or low
	Checksum   string   `json:"checksum"`   // what the publisher says of one
	Sources    []string `json:"sources,omitzero"`
	Notes      string   `json:"notes,omitzero"`
}

// Known is a certificate that was seen in a provider's bundle.
type Known struct {
	Name     string `json:"name"`
	SHA256   string `json:"sha256"` // of the DER, its fingerprint
	NotAfter string `json:"notAfter"`
	Region   string `json:"region,omitzero"`
}

// Catalog returns the catalogue in this program and the entries of the files
// in opt.Catalog, which have the same schema. An entry of a file may not have
// the id or alias of another.
func Catalog(opt Options) (*Catalogue, error) {
	c := &Catalogue{byName: map[string]*Provider{}}
	if err := c.add("the catalogue", catalogJSON); err != nil {
		return nil, err
	}
	for _, name := range opt.Catalog {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read catalogue: %w", err)
		}
		if err := c.add(name, data); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(c.providers, func(a, b *Provider) int { return cmp.Compare(a.ID, b.ID) })
	return c, nil
}

func (c *Catalogue) add(name string, data []byte) error {
	var file struct {
		Version   int         `json:"version"`
		Providers []*Provider `json:"providers"`
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&file); err != nil {
		return refusedf("%s: %w", name, err)
	}
	if file.Version != catalogVersion {
		return refusedf("%s: its version is %d, this program reads version %d", name, file.Version, catalogVersion)
	}
	for _, p := range file.Providers {
		if err := p.check(); err != nil {
			return refusedf("%s: provider %q: %w", name, p.ID, err)
		}
		for _, id := range append([]string{p.ID}, p.Aliases...) {
			if other := c.byName[id]; other != nil {
				return refusedf("%s: provider %q: the name %q is taken by %q", name, p.ID, id, other.ID)
			}
			c.byName[id] = p
		}
		c.providers = append(c.providers, p)
	}
	return nil
}

// isID reports whether id is lower-case letters and digits with single dashes
// between them. Compiling an expression for it, and matching it and the next
// against the whole catalogue, took longer than reading the catalogue.
func isID(id string) bool {
	for part := range strings.SplitSeq(id, "-") {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return false
		}
	}
	return true
}

// isSHA256 reports whether s is a SHA-256 in lower-case hexadecimal.
func isSHA256(s string) bool {
	_, err := certs.ParseFingerprint(s)
	return err == nil && strings.ToLower(s) == s
}

// check refuses an entry that could not be used, or not safely.
func (p *Provider) check() error {
	for _, id := range append([]string{p.ID}, p.Aliases...) {
		if !isID(id) {
			return fmt.Errorf("%q is no id: lower-case letters, digits and single dashes", id)
		}
	}
	if p.Pin != "" && !isSHA256(p.Pin) {
		return fmt.Errorf("pin %q is no SHA-256 in hexadecimal", p.Pin)
	}
	for _, k := range p.Known {
		if !isSHA256(k.SHA256) {
			return fmt.Errorf("known certificate %q: %q is no SHA-256 in hexadecimal", k.Name, k.SHA256)
		}
	}
	switch p.Kind {
	case Static:
		return p.checkURLs()
	case PerAccount, PublicRoot:
		return nil
	}
	return fmt.Errorf("kind %q is not static, per-account or public-root", p.Kind)
}

func (p *Provider) checkURLs() error {
	if len(p.URLs)+len(p.Regions) == 0 {
		return fmt.Errorf("a static entry needs urls")
	}
	for _, address := range slices.Concat(p.URLs, slices.Concat(slices.Collect(maps.Values(p.Regions))...)) {
		u, err := url.Parse(address)
		switch {
		case err != nil || u.Host == "":
			return fmt.Errorf("%q is no URL", address)
		case u.Scheme == "http" && p.Pin == "":
			return fmt.Errorf("%s is http, which anyone on the way can change: the entry needs a pin, the set digest", address)
		case u.Scheme != "http" && u.Scheme != "https":
			return fmt.Errorf("%s is not an https URL", address)
		}
	}
	return nil
}

// All yields the providers by id.
func (c *Catalogue) All() iter.Seq[*Provider] { return slices.Values(c.providers) }

// Find returns the provider with that id or alias. The error wraps [ErrUsage]
// and suggests what is near.
func (c *Catalogue) Find(id string) (*Provider, error) {
	if p := c.byName[id]; p != nil {
		return p, nil
	}
	err := usagef("no provider has the id %q", id)
	near := c.near(id)
	if len(near) == 0 {
		return nil, hinted{err, "certgraft list shows the catalogue; for a file write ./" + id}
	}
	return nil, hinted{err, "did you mean " + strings.Join(near, ", ") + "? certgraft list shows the catalogue; for a file write ./" + id}
}

// near returns names that a typing error could have made id from, or that
// contain it.
func (c *Catalogue) near(id string) []string {
	var near []string
	for _, name := range slices.Sorted(maps.Keys(c.byName)) {
		if len(id) > 2 && strings.Contains(name, id) || distance(id, name) <= min(2, len(id)/3) {
			near = append(near, name)
		}
	}
	return near[:min(len(near), 5)]
}

// distance is the Levenshtein distance of two names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		above := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := above
			if a[i] != b[j] {
				cost = 1 + min(above, row[j], row[j+1])
			}
			above, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// urls returns the files of the bundle, or of one region of it.
func (p *Provider) urls(region string) ([]string, error) {
	if p.Kind != Static {
		return nil, p.notDownloadable()
	}
	if region == "" {
		if len(p.URLs) == 0 {
			return nil, usagef("%s has no global bundle: name a region, %s:%s say", p.ID, p.ID, p.regionNames()[0])
		}
		return p.URLs, nil
	}
	if urls := p.Regions[region]; len(urls) > 0 {
		return urls, nil
	}
	err := usagef("%s has no region %q", p.ID, region)
	if len(p.Regions) == 0 {
		return nil, hinted{err, "it is one bundle: " + p.ID}
	}
	return nil, hinted{err, "regions: " + strings.Join(p.regionNames(), ", ")}
}

func (p *Provider) notDownloadable() error {
	err := usagef("%s cannot be downloaded without an account", p.ID)
	if p.Kind == PublicRoot {
		return hinted{usagef("%s needs no bundle: its servers chain to public roots", p.ID), "install the ca-certificates package, or: certgraft install mozilla"}
	}
	return hinted{err, "get the file and install it: " + strings.Join(p.Commands, "; ")}
}

func (p *Provider) regionNames() []string { return slices.Sorted(maps.Keys(p.Regions)) }

// known returns the certificates that the bundle, or one region of it, is
// known to hold.
func (p *Provider) known(region string) []Known {
	return slices.DeleteFunc(slices.Clone(p.Known), func(k Known) bool { return region != "" && k.Region != region })
}

func (k Known) fingerprint() certs.Fingerprint {
	f, _ := certs.ParseFingerprint(k.SHA256) // checked when the catalogue was read
	return f
}
