package probe

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/signed"
	"github.com/certgraft/certgraft/readers"
)

// Circumstances are the facts beside the server that a verdict depends on.
type Circumstances struct {
	Reader  readers.Reader   // the reader whose rules count; the zero value is OpenSSL in its newest release
	Trust   *certs.Set       // the CAs that the reader loads; the sources of each are the stores that hold it
	Damage  []readers.Damage // why the reader does not load more
	NoStore string           // why no store to judge by exists, or ""
	Setting string           // how a reader without a store is made to read one; "" if an install does it
	Whose   string           // the owner of the trust, in words: "this system"
	Now     time.Time
	Clock   string          // the source of Now, for example SOURCE_DATE_EPOCH; "" means the clock of this machine
	Built   time.Time       // a moment in the past, if clocks are right
	Install string          // the command that installs a source, up to its argument
	Repair  string          // the command that repairs a damaged store
	Known   iter.Seq[Known] // certificates among which issuers are searched

	// Distrusted returns why a certificate is distrusted, or "". A chain through a
	// distrusted certificate is refused, even if the reader trusts it.
	Distrusted func(*certs.Certificate) string
}

// judge is one judgement in progress.
type judge struct {
	Circumstances
	session *Session
	trust   *certs.Set
	report  *Report
	faults  []Fault
}

// Judge says whether the reader would trust the server.
func (s *Session) Judge(c Circumstances) *Report {
	if c.Trust == nil {
		c.Trust = &certs.Set{}
	}
	if c.Reader.ID == "" {
		c.Reader, _ = readers.Named("openssl", "")
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

// step adds a step. Without a fault the step went well.
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

// judgeChain adds the steps that the reader decides. Each fault of the reader
// belongs to one of them.
func (j *judge) judgeChain() {
	v := j.Reader.Judge(j.session.sent, j.trust, j.session.Target.ServerName, j.Now)
	p := newPath(v.Chain)
	for _, l := range p.links {
		j.report.Chain = append(j.report.Chain, j.describe(l))
	}
	j.report.Unused = j.unused(p)
	j.judgeTrust(v, p)
	j.step("dates", j.dates(v, p), j.datesDetail(p))
	j.step("purpose", j.purpose(v), "the certificates may be used for this")
	j.step("strength", j.strength(v), j.strengthDetail(p))
	j.step("name", j.name(v), "the certificate is for "+hosts(p.leaf().Certificate))
	if v.Unchecked != nil {
		j.faults = append(j.faults, Fault{Unchecked, "a signature in the chain is of a kind that this program does not check: " + signed.New(v.Unchecked).Algorithm.Scheme().Name, "try openssl s_client -verify_return_error"})
	}
	j.remark(v, p)
}

// fault returns the first fault with one of the causes; ok is false without one.
func fault(v readers.Verdict, causes ...readers.Cause) (f readers.Fault, ok bool) {
	for _, f := range append([]readers.Fault{v.Fault}, v.Also...) {
		if slices.Contains(causes, f.Cause) {
			return f, true
		}
	}
	return f, false
}

// judgeTrust adds the steps chain and trust.
func (j *judge) judgeTrust(v readers.Verdict, p path) {
	broken, isBroken := fault(v, readers.Malformed)
	switch {
	case isBroken:
		j.step("chain", &Fault{Unreadable, broken.Text, cmp.Or(broken.Cure, "the server needs another certificate")}, "")
	case p.complete() || v.Anchored:
		j.step("chain", nil, fmt.Sprintf("%d of its %s sent", j.countSent(p), counted(len(p.links), "certificate")))
	default:
		j.report.Steps = append(j.report.Steps, Step{Name: "chain", Outcome: Failed, Detail: "it ends at " + p.top().Name() + ": no certificate of its issuer, " + p.top().Issuer()})
	}
	_, refused := fault(v, readers.Untrusted, readers.SelfSigned, readers.Signature)
	switch why := j.listed(p); {
	case why != nil:
		j.step("trust", why, "")
	case j.placeholder(v, p) != nil:
		j.step("trust", j.placeholder(v, p), "")
	case j.NoStore != "":
		j.step("trust", j.noStore(), "")
	case j.damaged() != nil:
		j.step("trust", j.damaged(), "")
	case refused:
		f := j.distrust(v, p)
		j.step("trust", &f, "")
	default:
		j.step("trust", nil, fmt.Sprintf("%s is trusted by %s", p.top().Name(), strings.Join(j.trust.Sources(p.top().Fingerprint()), ", ")))
	}
}

// listed returns the fault of a chain through a distrusted CA.
func (j *judge) listed(p path) *Fault {
	if j.Distrusted == nil {
		return nil
	}
	for _, l := range p.links {
		if why := j.Distrusted(l.Certificate); why != "" {
			return &Fault{Distrusted, fmt.Sprintf("the chain leads through %s, which is distrusted: %s", l.Name(), why), "the server needs a certificate of another CA"}
		}
	}
	return nil
}

func (j *judge) noStore() *Fault {
	install := "install the server's root: " + j.Install + " ./ROOT.pem, or the public CAs: " + j.Install + " mozilla; --as names a program with roots of its own"
	return &Fault{NoStore, j.NoStore, cmp.Or(j.Setting, install)}
}

// damaged returns the fault of a store that the reader loses to damage, or nil.
func (j *judge) damaged() *Fault {
	for _, d := range j.Damage {
		if d.All && d.Line > 0 {
			return &Fault{DamagedStore, fmt.Sprintf("%s reads nothing of %s: line %d: %s", j.Reader.Title, d.Path, d.Line, d.Why), j.Repair}
		}
	}
	return nil
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

// remark adds the judgements of other programs that do not depend on the installed
// CAs.
func (j *judge) remark(v readers.Verdict, p path) {
	for _, l := range p.links {
		if quirk := l.Quirk(); quirk != "" {
			j.caveat("programs in Go do not read the certificate of %s: %s", l.Name(), quirk)
		}
	}
	if host := j.session.Target.ServerName; v.Trusted && onlyCommonName(p.leaf().Certificate, host) {
		if refusing := j.refusing(readers.WrongName); len(refusing) > 0 {
			j.caveat("the certificate has its host as common name only, which %s refuse", strings.Join(refusing, ", "))
		}
	}
	if cipher := j.session.cipher(); strings.Contains(cipher, "RC4") || strings.Contains(cipher, "3DES") {
		j.caveat("the server chose %s, which OpenSSL at level 2 does not have: a client that offers only better ones may be refused", cipher)
	}
	for _, odd := range j.session.odd {
		j.caveat("in the answer of the server, %s", odd)
	}
	if n := len(j.report.Unused); n > 0 {
		j.caveat("the server sends %s that its chain does not need", counted(n, "certificate"))
	}
	if s := j.session; s.TLS != nil && s.TLS.ClientCertificate {
		j.caveat("the server asks for a client certificate: where it demands one, a client connects with its own certificate and key alone")
	}
}

// counted returns n and the noun in its right form.
func counted(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// refusing names the readers that refuse the server for this cause.
func (j *judge) refusing(cause readers.Cause) (titles []string) {
	for _, r := range readers.All() {
		if v := r.Judge(j.session.sent, j.trust, j.session.Target.ServerName, j.Now); v.Cause == cause {
			titles = append(titles, r.Title)
		}
	}
	return titles
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
