package certs

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrPrivateKey is what the error of an input that holds a private key wraps.
// Such an input is refused as a whole: what is installed is readable by all.
var ErrPrivateKey = errors.New("it holds a private key")

// ErrTruncated is what the finding of a block without its END line wraps.
var ErrTruncated = errors.New("cut off: no END line")

// ErrNoCertificate is what [ParseAll]'s error wraps where there is none.
var ErrNoCertificate = errors.New("no certificate")

// Verdict says what became of a place in the input.
type Verdict int

// The verdicts.
const (
	Repaired Verdict = iota // taken, though a strict reader would not have
	Skipped                 // not taken
	Refused                 // not taken, nor is anything else of this input
)

// String returns the verdict as a word.
func (v Verdict) String() string {
	return [...]string{"repaired", "skipped", "refused"}[v]
}

// Finding is what [Parse] has to say about one place in the input.
type Finding struct {
	Line    int // of the BEGIN line, from 1; 0 where the input has no lines
	Block   int // which BEGIN it is, from 1; 0 where there is none
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

// Unwrap returns [ErrPrivateKey] or [ErrTruncated] for a finding that is about
// one, else nil.
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

// at returns the finding with its place, if it has none yet.
func (f *Finding) at(line, block int) *Finding {
	if f != nil && f.Line == 0 {
		f.Line, f.Block = line, block
	}
	return f
}

// within returns the finding as one about a named part of the input: the place
// in the part becomes words.
func (f *Finding) within(name string) *Finding {
	if f != nil {
		f.Reason = printable(name) + ": " + f.Error()
		f.Line, f.Block = 0, 0
	}
	return f
}

// also returns the finding with repairs that were made before it.
func (f *Finding) also(before repairs) *Finding {
	first := before.finding()
	if f == nil || first == nil {
		return cmp.Or(f, first)
	}
	f.Reason = first.Reason + "; " + f.Reason
	return f
}

// repairs are what had to be done to a block to read it.
type repairs []string

// add adds a repair, once.
func (r *repairs) add(reason string) {
	if !slices.Contains(*r, reason) {
		*r = append(*r, reason)
	}
}

// finding returns the repairs as one finding, nil if there were none.
func (r repairs) finding() *Finding {
	if len(r) == 0 {
		return nil
	}
	return &Finding{Verdict: Repaired, Reason: strings.Join(r, "; ")}
}
