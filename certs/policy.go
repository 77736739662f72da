package certs

import (
	"fmt"
	"strings"
	"time"
)

// Action is the treatment of a certificate.
type Action int

// The actions.
const (
	Default Action = iota // the action of [Policy] for the property
	Keep                  // install it
	Skip                  // leave it out
	Fail                  // refuse the source
)

// Policy decides about certificates. Apart from Now, the zero value is the
// default.
type Policy struct {
	Now        time.Time
	Expired    Action // by default Skip; a certificate that is not yet valid is kept
	NonCA      Action // by default Keep
	Distrusted Action // certificates that Listed blocks; by default Skip

	// Listed returns the remark of a distrust list about a certificate, or "",
	// and whether the list blocks it. nil means no list.
	Listed func(*Certificate) (said string, blocked bool)
}

// Judge returns the strictest action for the properties of the certificate:
// Keep, Skip or Fail. It also returns a remark for the user, or "".
func (p Policy) Judge(c *Certificate) (Action, string) {
	var remarks [Fail + 1][]string
	if reason := p.period(c); reason != "" {
		action := Keep // a certificate that is not yet valid does no harm
		if p.Now.After(c.NotAfter()) {
			action = p.Expired.or(Skip)
		}
		remarks[action] = append(remarks[action], reason)
	}
	if !c.IsCA() {
		action := p.NonCA.or(Keep)
		remarks[action] = append(remarks[action], "not a CA certificate: p11-kit (Fedora, RHEL, SUSE, Arch) drops it silently")
	}
	if said, blocked := p.listed(c); said != "" {
		action := Keep
		if blocked {
			action = p.Distrusted.or(Skip)
		}
		remarks[action] = append(remarks[action], said)
	}
	if c.EmptySubject() {
		remarks[Skip] = append(remarks[Skip], "its subject is empty, so that it can have issued nothing: Java would refuse the whole bundle")
	}
	if c.Quirk() != "" {
		remarks[Keep] = append(remarks[Keep], "programs written in Go pass over it ("+c.Quirk()+")")
	}
	for _, action := range []Action{Fail, Skip} {
		if len(remarks[action]) > 0 {
			return action, strings.Join(remarks[action], "; ")
		}
	}
	return Keep, strings.Join(remarks[Keep], "; ")
}

func (p Policy) listed(c *Certificate) (said string, blocked bool) {
	if p.Listed == nil {
		return "", false
	}
	return p.Listed(c)
}

func (p Policy) period(c *Certificate) string {
	switch {
	case p.Now.After(c.NotAfter()):
		return fmt.Sprintf("expired on %s", c.NotAfter().Format(time.DateOnly))
	case p.Now.Before(c.NotBefore()):
		return fmt.Sprintf("not valid before %s", c.NotBefore().Format(time.DateOnly))
	}
	return ""
}

func (a Action) or(fallback Action) Action {
	if a == Default {
		return fallback
	}
	return a
}
