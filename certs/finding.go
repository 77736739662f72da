package certs

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrPrivateKey is wrapped by the error of an input with a private key. The
// whole input is refused, because installed files are readable by all.
var ErrPrivateKey = errors.New("it holds a private key")

// ErrTruncated is wrapped by the finding of a block without its END line.
var ErrTruncated = errors.New("cut off: no END line")

// ErrNoCertificate is wrapped by [ParseAll]'s error if the input has no
// certificate.
var ErrNoCertificate = errors.New("no certificate")

// Verdict says how a place in the input was treated.
type Verdict int

// The verdicts.
const (
	Repaired Verdict = iota // taken, though strict readers refuse it
	Skipped                 // not taken
	Refused                 // not taken, and the whole input is refused
)

// String returns the verdict as a word.
func (v Verdict) String() string {
	return [...]string{"repaired", "skipped", "refused"}[v]
}

// Finding is a remark of [Parse] about one place in the input.
type Finding struct {
	Line    int // of the BEGIN line, from 1; 0 if the input has no lines
	Block   int // number of the BEGIN line, from 1; 0 if it has none
	Verdict Verdict
	Reason  string
	err     error
}

// Error returns the place and the reason.
func (f *Finding) Error() string {
	if f.Line > 0 {
		return fmt.Sprintf("line %d: %s", f.Line, f.Reason)
	}
	return f.Reason
}

// Unwrap returns the error of a finding about a private key or a truncated
// block, else nil.
func (f *Finding) Unwrap() error { return f.err }

func skipped(format string, args ...any) *Finding {
	return &Finding{Verdict: Skipped, Reason: fmt.Sprintf(format, args...)}
}

func refusedKey() *Finding {
	return &Finding{Verdict: Refused, Reason: ErrPrivateKey.Error(), err: ErrPrivateKey}
}

func truncated() *Finding {
	return &Finding{Verdict: Skipped, Reason: ErrTruncated.Error(), err: ErrTruncated}
}

// at sets the place of the finding, if it has none.
func (f *Finding) at(line, block int) *Finding {
	if f != nil && f.Line == 0 {
		f.Line, f.Block = line, block
	}
	return f
}

// within turns the finding into one about a named part of the input. The place
// in the part becomes text.
func (f *Finding) within(name string) *Finding {
	if f != nil {
		f.Reason = printable(name) + ": " + f.Error()
		f.Line, f.Block = 0, 0
	}
	return f
}

// also adds earlier repairs to the finding.
func (f *Finding) also(before repairs) *Finding {
	first := before.finding()
	if f == nil || first == nil {
		return cmp.Or(f, first)
	}
	f.Reason = first.Reason + "; " + f.Reason
	return f
}

// repairs are the repairs that made a block readable.
type repairs []string

// add adds a repair, once.
func (r *repairs) add(reason string) {
	if !slices.Contains(*r, reason) {
		*r = append(*r, reason)
	}
}

// finding returns the repairs as one finding, or nil without repairs.
func (r repairs) finding() *Finding {
	if len(r) == 0 {
		return nil
	}
	return &Finding{Verdict: Repaired, Reason: strings.Join(r, "; ")}
}
