package audit

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/order"
)

// Finding is one fault of one root.
type Finding struct {
	Rule        string   `json:"rule"`
	Level       Level    `json:"level"`
	Message     string   `json:"message"`
	Fingerprint string   `json:"fingerprint,omitzero"`
	Subject     string   `json:"subject,omitzero"`
	Stores      []string `json:"stores"`

	Name   string `json:"-"` // of the certificate, as people call it; "" for a finding without one
	Detail string `json:"-"` // the message without the certificate, equal for several findings
}

// Auditor judges roots by one policy, at one time.
type Auditor struct {
	Policy    Policy
	Lists     *bundles.Distrusted
	Required  *certs.Set           // certificates of the sources in Policy.Require
	Allowed   *certs.Set           // certificates of the sources in Policy.Allow; nil without any
	Forbidden []installer.Unwanted // certificates and keys of Policy.Forbid
	Now       time.Time
}

// Look returns the findings on a root, the gravest first.
func (a *Auditor) Look(found *installer.Inspection) []Finding {
	held := found.Held()
	out := slices.Concat(a.damage(found), a.missing(found, held), a.each(held), disagreements(found, held))
	out = slices.DeleteFunc(out, func(f Finding) bool { return a.Policy.excepts(f, a.Now) })
	rank := func(f Finding) int { return slices.IndexFunc(Rules, func(r Rule) bool { return r.ID == f.Rule }) }
	order.Stable(out, func(x, y Finding) int {
		return cmp.Or(cmp.Compare(rank(x), rank(y)), cmp.Compare(x.Subject, y.Subject), cmp.Compare(x.Fingerprint, y.Fingerprint))
	})
	return out
}

// Grave reports whether any finding is a reason to fail.
func Grave(found []Finding) bool {
	return slices.ContainsFunc(found, func(f Finding) bool { return f.Level != Note })
}

func finding(rule string, stores []string, format string, args ...any) Finding {
	detail := fmt.Sprintf(format, args...)
	return Finding{Rule: rule, Level: ruleOf(rule).Level, Stores: stores, Message: detail, Detail: detail}
}

// about adds a certificate to a finding.
func (f Finding) about(c *certs.Certificate) Finding {
	f.Fingerprint, f.Subject, f.Name = c.Fingerprint().String(), c.Subject(), cmp.Or(c.Name(), c.Subject())
	f.Message = f.Subject + ": " + f.Detail
	return f
}

func (a *Auditor) damage(found *installer.Inspection) (out []Finding) {
	for _, s := range found.Stores {
		for _, problem := range s.Problems {
			out = append(out, finding("unreadable", []string{s.Path}, "%s: %s", s.Path, problem))
		}
	}
	return out
}

func (a *Auditor) missing(found *installer.Inspection, held *certs.Set) (out []Finding) {
	for c := range a.Required.All() {
		var lack []string
		for _, s := range found.Stores {
			if !slices.Contains(held.Sources(c.Fingerprint()), s.Path) {
				lack = append(lack, s.Path)
			}
		}
		switch {
		case len(found.Stores) == 0:
			out = append(out, finding("missing", []string{}, "required, and the root has no trust store").about(c))
		case len(lack) > 0:
			out = append(out, finding("missing", lack, "required, and not in %s", strings.Join(lack, ", ")).about(c))
		}
	}
	return out
}

// each judges each certificate by itself.
func (a *Auditor) each(held *certs.Set) (out []Finding) {
	soon := a.Now.AddDate(0, 0, a.Policy.Within)
	for c := range held.All() {
		in := slices.Sorted(slices.Values(held.Sources(c.Fingerprint())))
		note := func(rule, format string, args ...any) {
			out = append(out, finding(rule, in, format, args...).about(c))
		}
		if l := a.Lists.Of(c); l != nil && l.After == "" {
			note("distrusted", "since %s: %s (@%s)", l.Since, l.Why, l.Name)
		} else if l != nil {
			note("limited", "%s", l.Said())
		}
		if a.Allowed != nil && !a.Allowed.Has(c.Fingerprint()) {
			note("not-allowed", "no source that the policy allows holds it")
		}
		if slices.ContainsFunc(a.Forbidden, func(u installer.Unwanted) bool { return u.Is(c) }) {
			note("forbidden", "the policy forbids it")
		}
		switch {
		case a.Now.After(c.NotAfter()):
			note("expired", "expired on %s", c.NotAfter().Format(time.DateOnly))
		case soon.After(c.NotAfter()):
			note("expiring", "expires on %s", c.NotAfter().Format(time.DateOnly))
		}
		if why := weak(c); why != "" {
			note("weak", "%s", why)
		}
	}
	return out
}

// weak says why strict programs refuse the key of a CA: OpenSSL does from security
// level 2 on, which Debian sets.
func weak(c *certs.Certificate) string {
	x := c.X509()
	if x == nil {
		return ""
	}
	switch key := x.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < 2048 {
			return fmt.Sprintf("its RSA key has %d bits, and strict programs demand 2048", bits)
		}
	case *ecdsa.PublicKey:
		if bits := key.Curve.Params().BitSize; bits < 224 {
			return fmt.Sprintf("its key is on a curve of %d bits, and strict programs demand 224", bits)
		}
	}
	return ""
}

func disagreements(found *installer.Inspection, held *certs.Set) (out []Finding) {
	for _, d := range found.Differences {
		f := finding("disagree", d.Missing, "in %s, not in %s", strings.Join(d.In, ", "), strings.Join(d.Missing, ", "))
		if print, err := certs.ParseFingerprint(d.Fingerprint); err == nil && held.Has(print) {
			f = f.about(held.Get(print))
		}
		out = append(out, f)
	}
	return out
}
