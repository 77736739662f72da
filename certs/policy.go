package certs

import (
	"fmt"
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
	Now     time.Time
	Expired Action // also for those not yet valid; by default Skip
	NonCA   Action // by default Keep
}

// Judge returns Keep, Skip or Fail, and what a user should be told, "" if
// nothing.
func (p Policy) Judge(c *Certificate) (Action, string) {
	if reason := p.period(c); reason != "" {
		return p.Expired.or(Skip), reason
	}
	if !c.IsCA() {
		return p.NonCA.or(Keep), "not a CA certificate: p11-kit (Fedora, RHEL, SUSE, Arch) drops it silently"
	}
	switch {
	case c.EmptySubject():
		return Keep, "its subject is empty: Java refuses it"
	case c.Quirk() != "":
		return Keep, "programs written in Go pass over it (" + c.Quirk() + ")"
	}
	return Keep, ""
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
