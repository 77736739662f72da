package bundles

import (
	_ "embed" // the certificates
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certgraft/certgraft/certs"
)

//go:generate go run ./internal/snapshot

// snapshotDER holds the certificates of all snapshots, each once, as
// certificates.pem does, but faster to read. Fingerprints in the catalogue assign
// them to providers. It has no public roots: golang.org/x/crypto/x509roots has
// them.
//
//go:embed snapshots/certificates.der
var snapshotDER []byte

// mozillaID is the provider whose snapshot is the Mozilla roots in
// golang.org/x/crypto/x509roots.
const mozillaID = "mozilla"

// snapshots returns the certificates in this program except the Mozilla roots.
var snapshots = sync.OnceValue(func() map[certs.Fingerprint]*certs.Certificate {
	found := map[certs.Fingerprint]*certs.Certificate{}
	var der cryptobyte.String
	for rest := cryptobyte.String(snapshotDER); rest.ReadASN1Element(&der, asn1.SEQUENCE); {
		if c, err := certs.ParseVetted(der); err == nil {
			found[c.Fingerprint()] = c
		}
	}
	return found
})

// mozillaDER returns the DER of the Mozilla roots in this program. Most runs need
// few of them, so each is parsed on demand.
var mozillaDER = sync.OnceValue(func() map[certs.Fingerprint][]byte { return maps.Collect(certs.MozillaDER()) })

// embedded returns the certificate with fingerprint f in this program, or nil.
func embedded(f certs.Fingerprint) *certs.Certificate {
	if c := snapshots()[f]; c != nil {
		return c
	}
	der, ok := mozillaDER()[f]
	if !ok {
		return nil
	}
	c, err := certs.ParseVetted(der)
	if err != nil {
		return nil
	}
	return c
}

// mozilla returns the Mozilla roots in this program.
var mozilla = sync.OnceValue(func() *certs.Set {
	roots, _ := certs.MozillaRoots()
	return roots
})

// lacksMozilla names the Mozilla roots in this program that the bundle lacks. It
// ignores roots that only the bundle has: this program leaves out roots with a
// constraint.
func (b *Bundle) lacksMozilla() (names []string) {
	for f := range mozillaDER() {
		if !b.Certs.Has(f) {
			names = append(names, embedded(f).Name())
		}
	}
	slices.Sort(names)
	return names
}

// Snapshot returns the certificates of the provider in this program, in the order
// of the catalogue. complete reports whether all known certificates are there;
// missing has the names of the others.
func (p *Provider) Snapshot() (set *certs.Set, complete bool, missing []string) {
	set, absent := p.snapshot("")
	for _, k := range absent {
		missing = append(missing, k.Name)
	}
	return set, set.Len() > 0 && len(absent) == 0, missing
}

func (p *Provider) snapshot(region string) (set *certs.Set, absent []Known) {
	if p.ID == mozillaID {
		return mozilla(), nil
	}
	set = &certs.Set{}
	for _, k := range p.known(region) {
		if c := embedded(k.fingerprint()); c != nil {
			set.Add(c, "")
		} else {
			absent = append(absent, k)
		}
	}
	return set, absent
}

// fromSnapshot returns the bundle in this program. A region must be complete. A
// global bundle may lack certificates, which a warning names.
func (s *source) fromSnapshot() (*Bundle, error) {
	set, absent := s.provider.snapshot(s.region)
	if len(absent) > 0 && s.region != "" {
		return nil, fmt.Errorf("the snapshot in this program lacks %s", absent[0].Name)
	}
	if set.Len() == 0 {
		return nil, errors.New("this program has no snapshot of it")
	}
	b := s.newBundle(Snapshot)
	b.URLs, _ = s.provider.urls(s.region)
	for c := range set.All() {
		b.Certs.Add(c, b.Source)
	}
	if len(absent) > 0 {
		b.warn("the snapshot lacks %d of the %d certificates known: %s", len(absent), len(absent)+set.Len(), regionsOf(absent))
	}
	return b, nil
}

// regionsOf names the regions of certificates. It names certificates without a
// region.
func regionsOf(absent []Known) string {
	var regions, names []string
	for _, k := range absent {
		if k.Region == "" {
			names = append(names, k.Name)
		} else if !slices.Contains(regions, k.Region) {
			regions = append(regions, k.Region)
		}
	}
	slices.Sort(regions)
	if len(regions) > 0 {
		regions = []string{"those of " + strings.Join(regions, ", ")}
	}
	return strings.Join(append(regions, names...), "; ")
}
