package bundles

import (
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
)

// formats are the formats of a provider's files that package certs reads.
const formats = "pem der pkcs7 zip json base64"

// checkKind refuses an entry without the fields that its kind needs, or with
// fields that its kind ignores.
func (p *Provider) checkKind() error {
	for _, f := range p.Formats {
		if !slices.Contains(strings.Fields(formats), f) {
			return fmt.Errorf("format %q is not one of %s", f, formats)
		}
	}
	switch p.Kind {
	case Static:
		return p.checkURLs()
	case PerAccount, PublicRoot, Packaged, None:
	default:
		return fmt.Errorf("kind %q is not static, packaged, per-account, public-root or none", p.Kind)
	}
	switch {
	case len(p.URLs)+len(p.Regions) > 0:
		return fmt.Errorf("urls and regions are for the kind static, not %s", p.Kind)
	case p.Kind == PerAccount && len(p.Commands) == 0:
		return errors.New("a per-account entry needs commands")
	case p.Kind == Packaged && len(p.Known) == 0:
		return errors.New("a packaged entry needs known certificates")
	}
	return nil
}

// checkURLs refuses an http URL without a pin. The pin of an entry covers only
// the global bundle, so a region has no pin.
func (p *Provider) checkURLs() error {
	if len(p.URLs)+len(p.Regions) == 0 {
		return errors.New("a static entry needs urls")
	}
	for _, address := range p.URLs {
		if err := checkURL(address, p.Pin != ""); err != nil {
			return err
		}
	}
	for region, urls := range p.Regions {
		if len(urls) == 0 {
			return fmt.Errorf("region %q has no urls", region)
		}
		for _, address := range urls {
			if err := checkURL(address, false); err != nil {
				return fmt.Errorf("region %q: %w", region, err)
			}
		}
	}
	return nil
}

func checkURL(address string, pinned bool) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "":
		return fmt.Errorf("%q is no URL", address)
	case u.Scheme == "http" && !pinned:
		return fmt.Errorf("%s is http, which anyone on the way can change: the entry needs a pin, the set digest", address)
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%s is not an https URL", address)
	}
	return nil
}

// checkEvidence refuses a set digest that differs from that of the known
// certificates, and certificates of an unknown region.
func (p *Provider) checkEvidence() error {
	for _, k := range p.Known {
		if k.Region != "" && p.Regions[k.Region] == nil {
			return fmt.Errorf("known certificate %q: there is no region %q", k.Name, k.Region)
		}
	}
	got := certs.SetDigest(fingerprints(p.Known))
	switch {
	case p.Evidence.Set != "" && p.Evidence.Set != got:
		return fmt.Errorf("its known certificates have the set digest %s, its evidence says %s", got, p.Evidence.Set)
	case p.Pin != "" && len(p.Known) > 0 && !p.Evidence.Partial && p.Pin != got:
		return fmt.Errorf("its known certificates have the set digest %s, its pin is %s", got, p.Pin)
	}
	return nil
}

func fingerprints(known []Known) iter.Seq[certs.Fingerprint] {
	return func(yield func(certs.Fingerprint) bool) {
		for _, k := range known {
			if !yield(k.fingerprint()) {
				return
			}
		}
	}
}
