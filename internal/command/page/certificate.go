package page

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/command/words"
	"github.com/certgraft/certgraft/internal/order"
)

// life is the state of a certificate in time. The style sheet has a class for
// each.
type life string

const (
	lifeExpired life = "expired"
	lifeSoon    life = "soon"  // expires within [installer.ExpiresSoon]
	lifeEarly   life = "early" // not valid yet
	lifeValid   life = "valid"
)

func lifeOf(c *certs.Certificate, now time.Time) life {
	switch {
	case now.After(c.NotAfter()):
		return lifeExpired
	case now.Before(c.NotBefore()):
		return lifeEarly
	case now.Add(installer.ExpiresSoon).After(c.NotAfter()):
		return lifeSoon
	}
	return lifeValid
}

// distance returns the time from now to then in words. It counts seconds, because
// a [time.Duration] is limited to 292 years and certificates are not.
func distance(now, then time.Time) string {
	days := (then.Unix() - now.Unix()) / (24 * 60 * 60)
	if then.Before(now) {
		return span(-days) + " ago"
	}
	return "in " + span(days)
}

func span(days int64) string {
	switch {
	case days < 1:
		return "less than a day"
	case days < 90:
		return words.Plural(int(days), "day")
	case days < 2*365:
		return words.Plural(int(days/30), "month")
	}
	return words.Plural(int(days*100/36525), "year")
}

// nameOf returns the name by which people know a certificate.
func nameOf(c *certs.Certificate) string {
	return cmp.Or(c.Name(), c.Subject(), "(no name)")
}

// byName sorts the certificates by name.
func byName(all iter.Seq[*certs.Certificate]) []*certs.Certificate {
	return slices.SortedStableFunc(all, func(a, b *certs.Certificate) int {
		return cmp.Or(
			strings.Compare(strings.ToLower(nameOf(a)), strings.ToLower(nameOf(b))),
			strings.Compare(a.Fingerprint().String(), b.Fingerprint().String()),
		)
	})
}

// byExpiry sorts the certificates by expiry, the first to expire first.
func byExpiry(all iter.Seq[*certs.Certificate]) []*certs.Certificate {
	list := byName(all)
	order.Stable(list, func(a, b *certs.Certificate) int { return a.NotAfter().Compare(b.NotAfter()) })
	return list
}
