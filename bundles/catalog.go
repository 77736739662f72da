package bundles

import (
	"bytes"
	"cmp"
	"context"
	_ "embed" // the catalogue
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/input"
	"github.com/certgraft/certgraft/internal/lines"
	"github.com/certgraft/certgraft/internal/order"
)

// catalogData is catalog.json in the format of [lines]: decoding JSON takes longer
// than the rest of a run.
//
//go:embed catalog.lines
var catalogData string

// builtin returns the catalogue in this program, by id.
func builtin() (providers []*Provider) {
	lines.Unmarshal(catalogData, &providers)
	return providers
}

// catalogVersion is the schema version that this program reads.
const catalogVersion = 1

// Catalogue is a list of providers and their bundles.
type Catalogue struct {
	providers []*Provider // by id
	byName    map[string]*Provider
}

// Provider is one entry of the catalogue.
type Provider struct {
	ID       string              `json:"id"`
	Title    string              `json:"title"`
	Aliases  []string            `json:"aliases,omitzero"`
	Homepage string              `json:"homepage"` // page of the provider about it
	Kind     Kind                `json:"kind"`
	Engines  []string            `json:"engines,omitzero"` // software of its servers, for a search: postgresql, kafka …
	Hosts    []string            `json:"hosts,omitzero"`   // domains of its servers, if each account has its own CA
	Issuers  []string            `json:"issuers,omitzero"` // words in the names of such CAs
	Strict   string              `json:"strict,omitzero"`  // CAs that strict readers refuse, and the reason
	Formats  []string            `json:"formats,omitzero"` // of the files: pem, der, pkcs7, zip, json, base64
	URLs     []string            `json:"urls,omitzero"`    // files that together make the bundle
	Regions  map[string][]string `json:"regions,omitzero"` // the same for one region or partition
	Commands []string            `json:"commands,omitzero"`
	Pin      string              `json:"pin,omitzero"`     // set digest that a download of URLs must match
	Warning  string              `json:"warning,omitzero"` // shown whenever the bundle is loaded
	Evidence Evidence            `json:"evidence"`
	Known    []Known             `json:"known,omitzero"` // certificates of the bundle at Evidence.Date
}

// Kind says where a provider's certificates come from.
type Kind string

// The kinds.
const (
	Static     Kind = "static"      // fixed URLs
	Packaged   Kind = "packaged"    // packages, without a URL: the snapshot in this program
	PerAccount Kind = "per-account" // the Commands of the entry: each account, tenant or instance has its own CA
	PublicRoot Kind = "public-root" // nowhere: the servers chain to public roots
	None       Kind = "none"        // nowhere: nothing can be installed, for example because the servers sign their own certificates
)

// Evidence says why an entry is reliable.
type Evidence struct {
	Date       string   `json:"date"`             // day of the check
	Confidence string   `json:"confidence"`       // high, medium or low
	Checksum   string   `json:"checksum"`         // the publisher's words about a checksum
	Set        string   `json:"set,omitzero"`     // set digest of the known certificates
	Partial    bool     `json:"partial,omitzero"` // the publisher has more certificates
	Sources    []string `json:"sources,omitzero"`
	Notes      string   `json:"notes,omitzero"`
}

// Known is a certificate of a provider's bundle.
type Known struct {
	Name     string `json:"name"`
	SHA256   string `json:"sha256"` // of the DER, its fingerprint
	NotAfter string `json:"notAfter"`
	Region   string `json:"region,omitzero"`
}

// Catalog returns the catalogue in this program, with the entries of the files
// in opt.Catalog. The files have the same schema. An entry of a file must not
// take the id or alias of another entry.
func Catalog(ctx context.Context, opt Options) (*Catalogue, error) {
	c := &Catalogue{providers: builtin(), byName: make(map[string]*Provider, 256)}
	for _, p := range c.providers {
		c.byName[p.ID] = p
		for _, alias := range p.Aliases {
			c.byName[alias] = p
		}
	}
	for _, name := range opt.Catalog {
		file, err := readCatalogFile(ctx, name)
		if err == nil {
			err = refusedIn(name, c.addAll(file.Providers))
		}
		if err != nil {
			return nil, err
		}
	}
	if len(opt.Catalog) > 0 {
		order.Sort(c.providers, func(a, b *Provider) int { return cmp.Compare(a.ID, b.ID) })
	}
	return c, nil
}

// catalogFile is the content of a catalogue file.
type catalogFile struct {
	Version   int         `json:"version"`
	Providers []*Provider `json:"providers"`
	Distrust  []*Distrust `json:"distrust"`
}

// readCatalogFile reads a catalogue file and checks each entry.
func readCatalogFile(ctx context.Context, name string) (catalogFile, error) {
	if strings.Contains(name, "://") { // the URL may have a password
		return catalogFile{}, hint.Add(usagef("catalogue %s: a catalogue is a file, not an address", redact(name)), "download it, check it, and name the file")
	}
	data, err := input.ReadFile(ctx, name)
	if err != nil {
		return catalogFile{}, hint.Add(fmt.Errorf("read catalogue: %w", err), "check the path in --catalog or CERTGRAFT_CATALOG")
	}
	file, err := decodeCatalog(data)
	return file, refusedIn(name, err)
}

// refusedIn adds the file's name to the error of a catalogue file.
func refusedIn(name string, err error) error {
	if err == nil {
		return nil
	}
	return hint.Add(refusedf("%s: %w", name, err), "correct the file, whose form docs/providers.md shows, or leave it out (--catalog, CERTGRAFT_CATALOG)")
}

func (c *Catalogue) addAll(providers []*Provider) error {
	for _, p := range providers {
		for _, id := range append([]string{p.ID}, p.Aliases...) {
			if other := c.byName[id]; other != nil {
				return fmt.Errorf("provider %q: the name %q is taken by %q", p.ID, id, other.ID)
			}
			c.byName[id] = p
		}
		c.providers = append(c.providers, p)
	}
	return nil
}

// decodeCatalog reads the content of a catalogue file.
func decodeCatalog(data []byte) (file catalogFile, err error) {
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return file, err
	}
	if head.Version != catalogVersion {
		return file, fmt.Errorf("its version is %d, this program reads version %d", head.Version, catalogVersion)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&file); err != nil {
		return file, err
	}
	for _, p := range file.Providers {
		if p == nil {
			return file, errors.New("a provider is null")
		}
		if err := p.check(); err != nil {
			return file, fmt.Errorf("provider %q: %w", p.ID, err)
		}
	}
	return file, nil
}

// isID reports whether id is lower-case letters and digits with single dashes
// between them. It uses no regular expression: compiling one and matching the
// whole catalogue took longer than reading the catalogue.
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

// check refuses an unusable or unsafe entry.
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
	return cmp.Or(p.checkKind(), p.checkEvidence())
}

// All yields the providers by id.
func (c *Catalogue) All() iter.Seq[*Provider] { return slices.Values(c.providers) }

// Find returns the provider with that id or alias. The error wraps [ErrUsage]
// and suggests similar ids.
func (c *Catalogue) Find(id string) (*Provider, error) {
	if p := c.byName[id]; p != nil {
		return p, nil
	}
	err := usagef("no provider has the id %q", id)
	near := hint.Near(id, slices.Sorted(maps.Keys(c.byName)))
	if len(near) == 0 {
		return nil, hint.Add(err, "certgraft list shows the catalogue; for a file write ./"+id)
	}
	return nil, hint.Add(err, "did you mean "+strings.Join(near, ", ")+"? certgraft list shows the catalogue; for a file write ./"+id)
}

// Entry returns the entry that ID or ID:REGION names. The entry of a region has
// the files and the certificates of that region alone, and ID:REGION as its ID.
// The error wraps [ErrUsage] and suggests similar ids or regions.
func (c *Catalogue) Entry(spec string) (*Provider, error) {
	p, region, err := c.find(spec)
	if err != nil || region == "" {
		return p, err
	}
	urls, err := p.regionURLs(region)
	if err != nil {
		return nil, err
	}
	one := *p
	one.ID, one.URLs, one.Known = p.ID+":"+region, urls, p.known(region)
	one.Aliases, one.Regions, one.Pin, one.Evidence.Set = nil, nil, "", "" // of the whole bundle
	return &one, nil
}

// find returns the provider and the region that ID or ID:REGION names. "ID:" is an
// empty region, for example of an unset variable, and not the whole bundle.
func (c *Catalogue) find(spec string) (p *Provider, region string, err error) {
	id, region, _ := strings.Cut(spec, ":")
	if region == "" {
		id = spec
	}
	p, err = c.Find(id)
	return p, region, err
}

// urls returns the files of the bundle, or of one region of it.
func (p *Provider) urls(region string) ([]string, error) {
	switch {
	case p.Kind == Packaged && region == "":
		return nil, nil
	case p.Kind != Static && p.Kind != Packaged:
		return nil, p.notDownloadable()
	case region == "":
		if len(p.URLs) == 0 {
			return nil, usagef("%s has no global bundle: name a region, %s:%s say", p.ID, p.ID, p.regionNames()[0])
		}
		return p.URLs, nil
	}
	return p.regionURLs(region)
}

// regionURLs returns the files of one region. The error suggests similar regions.
func (p *Provider) regionURLs(region string) ([]string, error) {
	if urls := p.Regions[region]; len(urls) > 0 {
		return urls, nil
	}
	err := usagef("%s has no region %q", p.ID, region)
	if len(p.Regions) == 0 {
		return nil, hint.Add(err, "name it without a region: "+p.ID)
	}
	all := p.regionNames()
	if near := hint.Near(region, all); len(near) > 0 {
		return nil, hint.Add(err, "did you mean "+strings.Join(near, ", ")+"? certgraft list "+p.ID+" names every region")
	}
	return nil, hint.Add(err, "regions: "+strings.Join(all, ", "))
}

func (p *Provider) notDownloadable() error {
	switch p.Kind {
	case PublicRoot:
		return hint.Add(usagef("%s needs no bundle: its servers chain to public roots", p.ID), "install the ca-certificates package, or: certgraft install mozilla")
	case None:
		return hint.Add(usagef("%s has no CA that could be installed", p.ID), "certgraft list "+p.ID+" says why")
	}
	return hint.Add(usagef("%s is at no URL that everyone can download from", p.ID), "get it with: "+strings.Join(p.Commands, "; "))
}

func (p *Provider) regionNames() []string { return slices.Sorted(maps.Keys(p.Regions)) }

// known returns the known certificates of the bundle, or of one region of it.
func (p *Provider) known(region string) []Known {
	return slices.DeleteFunc(slices.Clone(p.Known), func(k Known) bool { return region != "" && k.Region != region })
}

func (k Known) fingerprint() certs.Fingerprint {
	f, _ := certs.ParseFingerprint(k.SHA256) // checked when the catalogue was read
	return f
}
