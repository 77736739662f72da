package command

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/command/words"
	"github.com/certgraft/certgraft/internal/order"
)

// heldResult is the JSON of one certificate that a root trusts.
type heldResult struct {
	certificateResult
	Stores  []string `json:"stores"`           // paths
	Sources []string `json:"sources,omitzero"` // the sources from which certgraft installed it
}

// held returns the certificates of the stores by subject.
func (o *inspectOptions) held(found *installer.Inspection) []heldResult {
	set, sources, all := found.Held(), found.SourcesOf(), []heldResult{}
	for c := range set.All() {
		all = append(all, heldResult{o.certificate(c), set.Sources(c.Fingerprint()), sources[c.Fingerprint().String()]})
	}
	order.Sort(all, func(a, b heldResult) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	return all
}

// certificate returns the JSON of one certificate.
func (o *inspectOptions) certificate(c *certs.Certificate) certificateResult {
	_, remark := certs.Policy{Now: o.now, Listed: o.listed}.Judge(c)
	return certificateResult{
		Fingerprint: c.Fingerprint().String(), Subject: c.Subject(), Issuer: c.Issuer(),
		NotBefore: c.NotBefore(), NotAfter: c.NotAfter(), CA: c.IsCA(), Key: c.KeyName(), Remark: remark,
	}
}

// namesText names the certificates that need attention. Before them it says what
// certgraft installed, by source.
func (o *inspectOptions) namesText(w io.Writer, found *installer.Inspection) {
	held := found.Held()
	for _, i := range found.Installed {
		fmt.Fprintf(w, "installed by certgraft: %s from %s: %s\n", words.Plural(i.Certificates, "certificate"), i.Source, namesFrom(found, held, i.Source))
	}
	distrustedText(w, found)
	var expired, soon, blocked, limited []string
	for c := range held.All() {
		name := cmp.Or(c.Name(), c.Subject())
		switch {
		case o.now.After(c.NotAfter()):
			expired = append(expired, name)
		case o.now.Add(installer.ExpiresSoon).After(c.NotAfter()):
			soon = append(soon, name)
		}
		switch said, blocks := o.listed(c); {
		case said == "":
		case blocks:
			blocked = append(blocked, name)
		default:
			limited = append(limited, name)
		}
	}
	for _, line := range []struct {
		says  string
		names []string
	}{
		{"distrusted by others", blocked}, {"expired", expired}, {"expires within 90 days", soon}, {"trusted only for what was issued before a date", limited},
	} {
		if len(line.names) > 0 {
			order.Sort(line.names, func(a, b string) int { return cmp.Compare(strings.ToLower(a), strings.ToLower(b)) })
			fmt.Fprintf(w, "%s: %s\n", line.says, words.Some(line.names, mostNamed))
		}
	}
	if len(blocked) > 0 {
		fmt.Fprintln(w, "certgraft check says who distrusts what, and since when")
	}
}

// distrustedText names the CAs that certgraft distrust took out of the root.
func distrustedText(w io.Writer, found *installer.Inspection) {
	var names []string
	for _, t := range found.Distrusted {
		names = append(names, t.Subject)
	}
	if len(names) > 0 {
		slices.Sort(names)
		fmt.Fprintf(w, "distrusted: %s\n", words.Some(names, mostNamed))
	}
}

// mostNamed is the number of certificates of each kind that text names.
const mostNamed = 5

// namesFrom names the certificates that were installed from a source and that
// stores still hold.
func namesFrom(found *installer.Inspection, held *certs.Set, source string) string {
	var names []string
	for _, r := range found.Recorded() {
		if !slices.Contains(r.Sources, source) {
			continue
		}
		name := r.Subject
		if f, err := certs.ParseFingerprint(r.Fingerprint); err == nil {
			if c := held.Get(f); c != nil {
				name = cmp.Or(c.Name(), r.Subject)
			}
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return words.Some(names, mostNamed)
}
