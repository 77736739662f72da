package command

import (
	"fmt"
	"strings"
	"time"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/command/words"
	"github.com/certgraft/certgraft/probe"
)

// listed writes lines about the CAs of the chain that lists of distrusted CAs
// name: which readers would not notice a distrusted CA, and which CAs other
// programs trust only for older certificates.
func (h hearing) listed(t *trust, j jury, report *probe.Report) (lines []string) {
	chain := j.verdict().Chain
	for _, c := range chain {
		l := h.lists.Of(c)
		switch {
		case l == nil:
		case l.After != "":
			lines = append(lines, limited(l, c, chain[0]))
		case report.Verdict.Cause == probe.Distrusted:
			lines = append(lines, unnoticed(t, j, l))
		}
	}
	return lines
}

// unnoticed names the readers whose own rules trust the chain.
func unnoticed(t *trust, j jury, l *bundles.Distrust) string {
	var names []string
	for _, o := range j.opinions {
		if o.Trusted {
			names = append(names, o.name())
		}
	}
	take := "certgraft distrust @" + l.Name
	if t.root != "" && t.root != "/" {
		take = "certgraft distrust --root " + shellQuoted(t.root) + " @" + l.Name
	}
	if t.at != nil && t.at.image != (imageName{}) {
		take = "certgraft distrust --image " + t.at.image.Image + " --tag IMAGE @" + l.Name
	}
	if len(names) == 0 {
		return take + " takes it out of the trust stores"
	}
	return fmt.Sprintf("%s would not notice, because the CA is in a store; %s takes it out", words.Some(names, 5), take)
}

// limited compares the date of a list with the server's certificate.
func limited(l *bundles.Distrust, c, leaf *certs.Certificate) string {
	day, _, _ := strings.Cut(l.After, "T")
	after, err := time.Parse(time.RFC3339, l.After)
	if err == nil && leaf.NotBefore().After(after) {
		return fmt.Sprintf("programs that know of it refuse the server: they trust %s for what was issued until %s, and its certificate is newer (@%s)", c.Name(), day, l.Name)
	}
	return fmt.Sprintf("%s is trusted by others for what was issued until %s alone: the server's next certificate must be of another CA (@%s)", c.Name(), day, l.Name)
}
