package probe

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/certgraft/certgraft/certs"
)

// Circumstances are what a verdict depends on beside the server.
type Circumstances struct {
	Trust   *certs.Set // what the client trusts; the sources of each are the stores that hold it
	Whose   string     // who trusts it, in words: "this system"
	Now     time.Time
	Clock   string          // what Now was taken from, SOURCE_DATE_EPOCH say; "" is the clock of this machine
	Built   time.Time       // a moment that is past, if clocks are right
	Install string          // the command that installs a source, up to its argument
	Known   iter.Seq[Known] // where issuers that are not trusted are looked for
}

// judge is one judgement in the making.
type judge struct {
	Circumstances
	session *Session
	trust   *certs.Set
	report  *Report
	faults  []Fault
	builder *builder
}

// Judge says whether a client with that trust would talk to the server.
func (s *Session) Judge(c Circumstances) *Report {
	if c.Trust == nil {
		c.Trust = &certs.Set{}
	}
	j := &judge{Circumstances: c, session: s, trust: c.Trust}
	j.report = &Report{
		Host: s.Target.Host, Port: s.Target.Port, Address: s.Address, Protocol: s.Target.Protocol.Name,
		ServerName: s.Target.ServerName, Steps: append([]Step{}, s.Steps...), TLS: s.TLS,
	}
	if s.fault != nil {
		j.faults = append(j.faults, *s.fault)
	}
	switch {
	case len(s.sent) > 0:
		j.judgeChain()
	case len(s.odd) > 0:
		j.step("chain", &Fault{Unreadable, "the server's " + s.odd[0], "the server needs another certificate"}, "")
	default:
		for _, name := range []string{"connect", "offer", "tls", "chain", "trust", "dates", "purpose", "strength", "name"} {
			if !j.has(name) {
				j.report.Steps = append(j.report.Steps, Step{Name: name, Outcome: Skipped})
			}
		}
	}
	j.decide()
	return j.report
}

func (j *judge) has(name string) bool {
	for _, s := range j.report.Steps {
		if s.Name == name {
			return true
		}
	}
	return false
}

// step adds a step that failed with a fault, or went well.
func (j *judge) step(name string, f *Fault, detail string) {
	if f == nil {
		j.report.Steps = append(j.report.Steps, Step{Name: name, Outcome: OK, Detail: detail})
		return
	}
	j.report.Steps = append(j.report.Steps, Step{Name: name, Outcome: Failed, Detail: f.Text})
	j.faults = append(j.faults, *f)
}

func (j *judge) caveat(format string, args ...any) {
	j.report.Caveats = append(j.report.Caveats, fmt.Sprintf(format, args...))
}

func (j *judge) judgeChain() {
	j.builder = &builder{trust: j.trust, sent: j.session.sent}
	p := j.builder.build(j.session.sent[0], j.Now)
	for _, l := range p.links {
		j.report.Chain = append(j.report.Chain, j.describe(l))
	}
	j.report.Unused = j.unused(p)
	j.judgeTrust(p)
	dates, detail := j.dates(p)
	j.step("dates", dates, detail)
	purpose := j.purpose(p)
	j.step("purpose", purpose, "the certificates may be used for this")
	weak := strength(p)
	j.step("strength", weak, strengthDetail(p))
	name, detail := j.name(p.leaf())
	j.step("name", name, detail)
	if p.unchecked {
		j.faults = append(j.faults, Fault{Unchecked, "a signature in the chain is of a kind that this program does not check: " + p.leaf().Algorithm.Scheme().Name, "try openssl s_client -verify_return_error"})
	}
	j.remark(p)
}

// judgeTrust adds the steps chain and trust.
func (j *judge) judgeTrust(p path) {
	anchored := p.complete() && j.trust.Has(p.top().Fingerprint())
	if p.complete() {
		j.step("chain", nil, fmt.Sprintf("%d of its %d certificates sent", j.countSent(p), len(p.links)))
	} else {
		j.report.Steps = append(j.report.Steps, Step{Name: "chain", Outcome: Failed, Detail: "it ends at " + p.top().Name() + ": no certificate of its issuer, " + p.top().Issuer()})
	}
	if anchored {
		j.step("trust", nil, fmt.Sprintf("%s is trusted by %s", p.top().Name(), strings.Join(j.trust.Sources(p.top().Fingerprint()), ", ")))
		return
	}
	f := j.distrust(p)
	j.step("trust", &f, "")
}

func (j *judge) countSent(p path) int {
	n := 0
	for _, l := range p.links {
		if j.wasSent(l) {
			n++
		}
	}
	return n
}

// remark adds what others than OpenSSL make of the chain.
func (j *judge) remark(p path) {
	for _, l := range p.links {
		if quirk := l.Quirk(); quirk != "" {
			j.caveat("programs in Go do not read the certificate of %s: %s", l.Name(), quirk)
		}
	}
	if cipher := j.session.cipher(); strings.Contains(cipher, "RC4") || strings.Contains(cipher, "3DES") {
		j.caveat("the server chose %s, which OpenSSL at level 2 does not have: a client that offers only better ones may be refused", cipher)
	}
	for _, odd := range j.session.odd {
		j.caveat("of what the server sends, %s", odd)
	}
	if n := len(j.report.Unused); n > 0 {
		j.caveat("the server sends %d certificates that its chain does not need", n)
	}
}

// decide makes the verdict from the faults.
func (j *judge) decide() {
	v := &j.report.Verdict
	if len(j.faults) == 0 {
		leaf := j.report.Chain[0]
		v.Status = Trusted
		v.Text = fmt.Sprintf("trusted until %s: %s chains to %s", leaf.NotAfter.Format(time.DateOnly), j.session.Target, j.report.Chain[len(j.report.Chain)-1].Subject)
		return
	}
	first := 0
	v.Status = Undecided
	for i, f := range j.faults {
		if f.Cause.against() {
			first, v.Status = i, NotTrusted
			break
		}
	}
	v.Cause, v.Text, v.Cure = j.faults[first].Cause, j.faults[first].Text, j.faults[first].Cure
	v.Also = append(append([]Fault{}, j.faults[:first]...), j.faults[first+1:]...)
}
