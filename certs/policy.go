package certs

import (
	"fmt"
	"strings"
	"time"
)

// Action is what to do with a certificate.
type Action int

// The actions.
const (
	Default Action = iota // what [Policy] says of the property
	Keep                  // install it
	Skip                  // leave it out
	Fail                  // refuse the source
)

// Policy says what is wanted of a certificate. The zero value but for Now is
// the default.
type Policy struct {
	Now        time.Time
	Expired    Action // by default Skip; one that is not valid yet is kept
	NonCA      Action // by default Keep
	Distrusted Action // what Listed says is blocked; by default Skip

	// Listed returns what a list of distrusted CAs says of a certificate, "" if
	// nothing, and whether it blocks the certificate. nil is no list.
	Listed func(*Certificate) (said string, blocked bool)
}

// Judge returns Keep, Skip or Fail, whichever is the gravest that a property of
// the certificate asks for, and what a user should be told of it, "" if nothing.
func (p Policy) Judge(c *Certificate) (Action, string) {
	var remarks [Fail + 1][]string
	if reason := p.period(c); reason != "" {
		action := Keep // of one that is not valid yet: it harms nobody
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
