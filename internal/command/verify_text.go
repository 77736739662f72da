package command

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/certgraft/certgraft/internal/command/words"
	"github.com/certgraft/certgraft/probe"
)

// verifyResult is the JSON of certgraft verify.
type verifyResult struct {
	Schema int         `json:"schema"`
	Trust  trustResult `json:"trust"`
	Error  string      `json:"error,omitzero"` // of an image of a list that could not be read
	*probe.Report
	Readers  []readerResult `json:"readers,omitzero"`
	Saved    string         `json:"savedChain,omitzero"`
	Warnings []string       `json:"warnings"`

	asked []string // the readers whose opinion counts, if --as names them
}

// stepWords are the words for the steps.
var stepWords = map[string]string{
	"resolve": "name resolves", "connect": "port opens", "offer": "TLS is offered", "tls": "TLS works",
	"chain": "chain is complete", "trust": "root is trusted", "dates": "dates", "purpose": "purpose", "strength": "strength", "name": "name matches",
}

// text writes the steps, the chain and the verdict.
func (r verifyResult) text(w io.Writer) {
	fmt.Fprintf(w, "%s, %s\n", r.address(), r.Protocol)
	var rows [][]string
	for _, s := range r.Steps {
		row := []string{"  " + outcomeWord(s.Outcome), stepWords[s.Name], s.Detail}
		if s.Detail == "" {
			row = row[:2]
		}
		rows = append(rows, row)
	}
	table(w, rows)
	if len(r.Chain) > 0 {
		r.tree(w)
	}
	if r.Saved != "" {
		fmt.Fprintf(w, "%s has the certificates of the server; the file proves nothing about the server\n", r.Saved)
	}
	for _, c := range r.Caveats {
		fmt.Fprintf(w, "but: %s\n", c)
	}
	if len(r.asked) > 0 {
		fmt.Fprintf(w, "asked: %s\n", words.Some(r.asked, 8))
	}
	r.verdictText(w)
}

func (r verifyResult) address() string { return net.JoinHostPort(r.Host, strconv.Itoa(int(r.Port))) }

func outcomeWord(o probe.Outcome) string {
	switch o {
	case probe.Failed:
		return "FAILED"
	case probe.Skipped:
		return "-"
	}
	return string(o)
}

// tree draws the chain. The root comes first.
func (r verifyResult) tree(w io.Writer) {
	fmt.Fprintln(w, "chain:")
	indent := "  "
	for i, c := range slices.Backward(r.Chain) {
		branch, below := "", indent
		switch {
		case i < len(r.Chain)-1:
			branch, below = "└─ ", indent+"   "
		case c.Subject != c.Issuer:
			fmt.Fprintf(w, "%s%s: not here\n", indent, c.Issuer)
			branch, below = "└─ ", indent+"   "
		}
		fmt.Fprintf(w, "%s%s%s\n", indent, branch, c.Subject)
		fmt.Fprintf(w, "%s%s to %s, %s, signed with %s, %s\n", below, c.NotBefore.Format(time.DateOnly), c.NotAfter.Format(time.DateOnly), c.Key, c.Signature, provenance(c))
		indent = below
	}
}

func provenance(c probe.Certificate) string {
	var words []string
	if c.Sent {
		words = append(words, "sent by the server")
	}
	if len(c.TrustedBy) > 0 {
		words = append(words, "trusted by "+strings.Join(c.TrustedBy, ", "))
	}
	return strings.Join(words, ", ")
}

// verdictText writes the verdict in one line, and the cures below it.
func (r verifyResult) verdictText(w io.Writer) {
	v := r.Verdict
	switch v.Status {
	case probe.Trusted:
		fmt.Fprintln(w, v.Text)
		return
	case probe.NotTrusted:
		fmt.Fprintf(w, "not trusted: %s\n", v.Text)
	default:
		fmt.Fprintf(w, "no verdict: %s\n", v.Text)
	}
	fmt.Fprintf(w, "  what to do: %s\n", v.Cure)
	for _, f := range v.Also {
		fmt.Fprintf(w, "  also: %s (%s)\n", f.Text, f.Cure)
	}
}
