// Package audit judges what a root trusts by a policy, and writes what it finds
// as text tools and SARIF readers take it.
package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/hint"
)

// policyVersion is the schema that this program reads.
const policyVersion = 1

// Policy is what a company demands of a root. The zero value demands that it
// trusts nothing distrusted or expired, and that its stores can be read.
type Policy struct {
	Version int         `json:"version"`
	Require []string    `json:"require,omitzero"` // sources that every store must hold
	Allow   []string    `json:"allow,omitzero"`   // sources; with any, a store may hold nothing else
	Within  int         `json:"within,omitzero"`  // days before an expiry in which it is a finding
	Except  []Exception `json:"except,omitzero"`
}

// Exception is a certificate for which a rule does not hold.
type Exception struct {
	Fingerprint string `json:"fingerprint"`
	Rule        string `json:"rule,omitzero"`  // "" is every rule
	Until       string `json:"until,omitzero"` // date, the last day on which it holds
	Why         string `json:"why"`
}

// ReadPolicy reads a policy. What it does not know is an error: a rule that is
// not applied would read as one that passed.
func ReadPolicy(data []byte) (Policy, error) {
	var p Policy
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	err := dec.Decode(&p)
	if err == nil && dec.More() {
		err = fmt.Errorf("something follows the policy")
	}
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return Policy{}, hint.Add(fmt.Errorf("the policy cannot be used: %w", err), "docs/check.md has every member")
	}
	return p, nil
}

func (p Policy) check() error {
	switch {
	case p.Version != policyVersion:
		return fmt.Errorf("its version is %d, this program reads version %d", p.Version, policyVersion)
	case p.Within < 0:
		return fmt.Errorf("within is %d: it is a number of days", p.Within)
	}
	for _, e := range p.Except {
		if err := e.check(); err != nil {
			return fmt.Errorf("exception %q: %w", e.Fingerprint, err)
		}
	}
	return nil
}

func (e Exception) check() error {
	if _, err := certs.ParseFingerprint(e.Fingerprint); err != nil {
		return err
	}
	if _, err := time.Parse(time.DateOnly, e.Until); e.Until != "" && err != nil {
		return fmt.Errorf("until %q is no date", e.Until)
	}
	if e.Rule != "" && ruleOf(e.Rule) == nil {
		return fmt.Errorf("there is no rule %q", e.Rule)
	}
	if e.Why == "" {
		return fmt.Errorf("why is missing: an exception without a reason stays for ever")
	}
	return nil
}

// excepts reports whether an exception holds for a finding on that day.
func (p Policy) excepts(f Finding, now time.Time) bool {
	for _, e := range p.Except {
		same := e.Fingerprint == f.Fingerprint && (e.Rule == "" || e.Rule == f.Rule)
		if same && (e.Until == "" || now.UTC().Format(time.DateOnly) <= e.Until) {
			return true
		}
	}
	return false
}
