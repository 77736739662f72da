package command

import (
	"fmt"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/command/words"
	"github.com/certgraft/certgraft/readers"
	"github.com/certgraft/certgraft/rootfs"
)

// readerCaveats names the readers in a root that refuse what a server sent, each by
// its own stores and rules. Those of --with count as if they were installed.
func (t *trust) readerCaveats(c readerCase) (caveats []string) {
	sent := parsedChain(c.raw)
	if len(sent) == 0 {
		return nil
	}
	var refusals []refusal
	for _, i := range readers.In(rootfs.NewOverlay(t.at.root), t.at.options.Environ) {
		held, damage := i.Load()
		if held.Len() == 0 && len(damage) == 0 {
			continue // none of its places is here: what it reads is not known
		}
		t.addWith(held)
		if v := i.Judge(sent, held, c.host, c.now); !v.Trusted {
			refusals = append(refusals, refusal{i, v, damage})
		}
	}
	for why, whose := range words.Group(refusals, func(r refusal) (why, name string) { return r.why(), r.name() }) {
		refuse := "refuse"
		if len(whose) == 1 {
			refuse = "refuses"
		}
		caveats = append(caveats, fmt.Sprintf("%s %s: %s", words.Some(whose, 5), refuse, why))
	}
	return caveats
}

// readerCase is what readers judge.
type readerCase struct {
	raw  [][]byte // as the server sent it
	host string
	now  time.Time
}

// refusal is a reader that refuses.
type refusal struct {
	reader  readers.Instance
	verdict readers.Verdict
	damage  []readers.Damage
}

// why is the damage that keeps the reader from loading, where that may be the reason, else
// what it says of the chain.
func (r refusal) why() string {
	if r.verdict.Cause == readers.Untrusted || r.verdict.Cause == readers.SelfSigned {
		for _, d := range r.damage {
			if d.All && d.Line > 0 {
				return fmt.Sprintf("it reads nothing of %s: line %d: %s", d.Path, d.Line, d.Why)
			}
		}
	}
	if r.verdict.Cure != "" {
		return r.verdict.Text + "; " + r.verdict.Cure
	}
	return r.verdict.Text
}

func (r refusal) name() string {
	name := r.reader.Title
	if r.reader.Release != "" {
		name += " " + r.reader.Release
	}
	return name + " (" + r.reader.Path + ")"
}

// addWith adds the certificates of --with.
func (t *trust) addWith(held *certs.Set) {
	for c := range t.set.All() {
		for _, source := range t.set.Sources(c.Fingerprint()) {
			for _, with := range t.with {
				if source == with {
					held.Add(c, with)
				}
			}
		}
	}
}

// parsedChain parses what a server sent, up to what cannot be read.
func parsedChain(raw [][]byte) (sent []*certs.Certificate) {
	for _, der := range raw {
		c, err := certs.ParseCertificate(der)
		if err != nil {
			return sent
		}
		sent = append(sent, c)
	}
	return sent
}
