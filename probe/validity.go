package probe

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/signed"
	"github.com/certgraft/certgraft/readers"
)

const day = 24 * time.Hour

// dates returns the reader's fault of the dates. A clock that is earlier than the
// catalogue of this program is wrong, and then the certificates are not at fault.
func (j *judge) dates(v readers.Verdict, p path) *Fault {
	f, ok := fault(v, readers.Expired, readers.NotYetValid)
	clock := j.date() + " is " + j.Now.Format(time.DateTime+" MST")
	switch {
	case !ok:
		return nil
	case f.Cause == readers.Expired:
		return j.expired(p, f.At, clock)
	case j.Now.Before(j.Built):
		return &Fault{ClockOff, fmt.Sprintf("%s is valid from %s, and %s, before this program was made", f.At.Name(), f.At.NotBefore().Format(time.DateOnly), clock), j.clockCure()}
	}
	return &Fault{NotYetValid, fmt.Sprintf("%s is not valid before %s; %s", f.At.Name(), f.At.NotBefore().Format(time.DateOnly), clock),
		"check " + j.clock() + ", and the clock of the machine that issued the certificate"}
}

func (j *judge) datesDetail(p path) string {
	leaf := p.leaf()
	detail := fmt.Sprintf("until %s, %s left", leaf.NotAfter().Format(time.DateOnly), counted(int(leaf.NotAfter().Sub(j.Now)/day), "day"))
	if first := slices.MinFunc(p.links, func(x, y *link) int { return x.NotAfter().Compare(y.NotAfter()) }); first != leaf && first.NotAfter().Before(leaf.NotAfter()) {
		detail += fmt.Sprintf("; %s until %s", first.Name(), first.NotAfter().Format(time.DateOnly))
	}
	return detail
}

// date names the date of the judgement.
func (j *judge) date() string {
	if j.Clock == "" {
		return "this machine's date"
	}
	return j.Clock
}

// clock names the place where that date is set.
func (j *judge) clock() string {
	if j.Clock == "" {
		return "the clock of this machine"
	}
	return j.Clock
}

func (j *judge) clockCure() string {
	if j.Clock == "" {
		return "set the clock of this machine"
	}
	return "correct " + j.Clock + ", or unset it to have certificates judged as of now"
}

// expired returns the cure for an expired certificate. For a root it searches the
// catalogue for a CA of the same name and key.
func (j *judge) expired(p path, at *certs.Certificate, clock string) *Fault {
	f := &Fault{Expired, fmt.Sprintf("%s expired on %s; %s", at.Name(), at.NotAfter().Format(time.DateOnly), clock), "the server needs a new certificate"}
	switch {
	case at == p.top().Certificate && len(p.links) > 1 && p.complete():
		f.Text = "the root " + f.Text
		f.Cure = "the server needs a certificate under a root that is valid; install a newer root if its owner has one"
		if r := j.renewed(p); r != nil {
			f.Text += "; " + r.text
			f.Cure = j.Install + " " + r.bundle
		}
		if taking := j.takingExpired(); len(taking) > 0 {
			j.caveat("%s: the dates of roots are not looked at, and an expired one is taken", strings.Join(taking, ", "))
		}
	case at != p.leaf().Certificate:
		f.Text = "the intermediate " + f.Text
		f.Cure = "the server has to send the intermediate's successor"
	}
	return f
}

// renewal is a bundle with a CA that may replace an expired root.
type renewal struct{ bundle, text string }

// renewed returns a bundle with a valid CA that has the name and key of a CA in a
// path. If this program has only the names of a bundle, the name is enough. The
// path could then end at a newer certificate of its root, or at a root below an
// older one. A CA that is already trusted does not help.
func (j *judge) renewed(p path) (byName *renewal) {
	if j.Known == nil {
		return nil
	}
	for known := range j.Known {
		if j.trust.Has(known.Fingerprint) || j.Now.After(known.expires()) {
			continue
		}
		for _, old := range p.links[1:] {
			switch c := known.Certificate; {
			case c != nil && c.SelfIssued() && c.PublicKey() == old.PublicKey() && c.Subject() == old.Subject():
				return &renewal{known.Bundle, fmt.Sprintf("the bundle %s has a valid root of the name and key of %s", known.Bundle, c.Name())}
			case c == nil && byName == nil && strings.EqualFold(known.Name, old.Name()):
				byName = &renewal{known.Bundle, fmt.Sprintf("the bundle %s has a CA of the name %s that is valid until %s: it helps if it has the same key", known.Bundle, known.Name, known.NotAfter.Format(time.DateOnly))}
			}
		}
	}
	return byName
}

// takingExpired names the readers that ignore the dates of a root.
func (j *judge) takingExpired() (titles []string) {
	for _, r := range readers.All() {
		if r.Judge(j.session.sent, j.trust, j.session.Target.ServerName, j.Now).Trusted {
			titles = append(titles, r.Title)
		}
	}
	return titles
}

// purpose returns the fault of certificates that are not for servers.
func (j *judge) purpose(v readers.Verdict) *Fault {
	f, ok := fault(v, readers.Version, readers.Authority, readers.PathLength, readers.Purpose, readers.Critical, readers.Strict, readers.Constraints)
	if !ok {
		return nil
	}
	return &Fault{WrongPurpose, f.Text, cmp.Or(f.Cure, "the server needs a certificate that a CA made for servers")}
}

// strength returns the fault of keys or digests that are too weak.
func (j *judge) strength(v readers.Verdict) *Fault {
	f, ok := fault(v, readers.WeakKey, readers.WeakDigest)
	switch {
	case !ok:
		return nil
	case f.Cause == readers.WeakKey:
		return &Fault{Weak, f.Text + ", which " + j.Reader.Title + " refuses", "it needs RSA with 2048 bits or more, or a curve such as P-256"}
	}
	return &Fault{Weak, f.Text + ", which " + j.Reader.Title + " refuses", "it has to be issued anew with SHA-256"}
}

func (j *judge) strengthDetail(p path) string {
	var kinds []string
	for _, l := range p.links {
		addOnce(&kinds, signed.New(l.Certificate).Key.Kind)
	}
	return strings.Join(kinds, ", ") + ": good for " + j.Reader.Title
}

// name returns the fault of a certificate for other hosts.
func (j *judge) name(v readers.Verdict) *Fault {
	f, wrong := fault(v, readers.WrongName)
	if !wrong {
		return nil
	}
	host := j.session.Target.ServerName
	if names, _ := readers.Hosts(v.Chain[0]); slices.Contains(names, host) && j.session.Target.sni() == "" {
		return &Fault{WrongName, fmt.Sprintf("the certificate has %s as a DNS name, and clients look for it as an address", host),
			"have it issued with subjectAltName=IP:" + host + ", or connect by a name"}
	}
	cure := "connect by a name that the certificate has, or have one issued for this name; --servername tries another"
	if j.Reader.ID != "openssl" && f.Cure != "" {
		cure = f.Cure // the cure may be an option of the reader
	}
	return &Fault{WrongName, fmt.Sprintf("the certificate is not for %s but for %s", host, hosts(v.Chain[0])), cure}
}
