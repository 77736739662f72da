// Package audit judges by a policy what a root trusts. It writes the findings as
// text and as SARIF.
package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/hint"
)

// policyVersion is the schema that this program reads.
const policyVersion = 1

// Policy is what a company demands of a root. The zero value demands two things:
// the root trusts no distrusted or expired CA, and its stores can be read.
type Policy struct {
	Version int         `json:"version"`
	Require []string    `json:"require,omitzero"` // sources that every store must hold
	Allow   []string    `json:"allow,omitzero"`   // sources; if any is named, a store may hold no other CA
	Forbid  []string    `json:"forbid,omitzero"`  // CAs that no store may hold, as distrust takes them
	Within  int         `json:"within,omitzero"`  // an expiry in at most so many days is a finding
	Except  []Exception `json:"except,omitzero"`
}

// Exception is a certificate for which a rule does not hold.
type Exception struct {
	Fingerprint string `json:"fingerprint"`    // with colons and capitals or without; ReadPolicy takes them out
	Rule        string `json:"rule,omitzero"`  // "" means every rule
	Until       string `json:"until,omitzero"` // date, the last day of the exception
	Why         string `json:"why"`
}

// ReadPolicy reads a policy. An unknown field is an error: a rule that is ignored
// would look like a rule that passed.
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
	for i, e := range p.Except {
		p.Except[i].Fingerprint = certs.PlainFingerprint(e.Fingerprint)
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
	if _, err := certs.ParseFingerprint(certs.PlainFingerprint(e.Fingerprint)); err != nil {
		return errors.New("its fingerprint must have 64 hexadecimal digits, with colons or without")
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

// excepts reports whether an exception holds for a finding on the day of now.
func (p Policy) excepts(f Finding, now time.Time) bool {
	for _, e := range p.Except {
		same := e.Fingerprint == f.Fingerprint && (e.Rule == "" || e.Rule == f.Rule)
		if same && (e.Until == "" || now.UTC().Format(time.DateOnly) <= e.Until) {
			return true
		}
	}
	return false
}
