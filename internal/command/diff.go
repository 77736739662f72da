package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/certs"
)

// diffOptions are the flags of certgraft diff.
type diffOptions struct {
	javaPassword string // file with the password
	image        imageRootOptions
}

func diffCommand(p *printer) *cli.Command {
	o := &diffOptions{}
	return &cli.Command{
		Name:        "diff",
		Usage:       "say which certificates one of two trusts and the other does not",
		ArgsUsage:   "A B",
		Description: "certgraft diff / /mnt/root            two roots\ncertgraft diff old.pem new.pem         two files: bundles or Java trust stores\ncertgraft diff docker://app:1 docker://app:1-ca   two images\ncertgraft diff / corp.pem              exit status 5 if they differ\ncertgraft diff --from-file images.txt   the two images on each line",
		Flags:       slices.Concat([]cli.Flag{javaPasswordFlag(&o.javaPassword)}, o.image.listFlags("compare the images", "A B"), o.image.flags()),
		Action: func(c *cli.Context) error {
			defer o.image.close()
			if o.image.list.given() {
				if _, err := operands(c, 0, 0, ""); err != nil {
					return err
				}
				return o.fleet(c.Context, p)
			}
			args, err := operands(c, 2, 2, "a root, file or image to compare with")
			if err != nil {
				return err
			}
			return o.run(c.Context, p, args[0], args[1])
		},
	}
}

// diffResult is the JSON of certgraft diff; docs/json.md describes it.
type diffResult struct {
	Schema  int           `json:"schema"` // 1
	A       string        `json:"a"`
	B       string        `json:"b"`
	Error   string        `json:"error,omitzero"` // of two images of a list
	Both    int           `json:"both"`           // number of certificates that both sides trust
	OnlyA   []diffCert    `json:"onlyA"`
	OnlyB   []diffCert    `json:"onlyB"`
	Renewed []renewedCert `json:"renewed"` // subjects with a different certificate on each side

	Warnings []string `json:"warnings"`
}

// diffCert is a certificate that only one side trusts.
type diffCert struct {
	Fingerprint string    `json:"fingerprint"`
	Subject     string    `json:"subject"`
	NotAfter    time.Time `json:"notAfter"`
	Expired     bool      `json:"expired"`
}

// renewedCert is a subject for which the two sides trust different certificates.
type renewedCert struct {
	Subject string     `json:"subject"`
	A       []diffCert `json:"a"`
	B       []diffCert `json:"b"`
	SameKey bool       `json:"sameKey"`
}

func (o *diffOptions) run(ctx context.Context, p *printer, a, b string) error {
	now, err := p.env.now()
	if err != nil {
		return err
	}
	if err := o.image.list.check(); err != nil {
		return err
	}
	if isImageStream(a) && isImageStream(b) {
		return stdinTwice(a, b)
	}
	side := func(name string) side {
		return side{name, func() (*place, error) { return o.image.place(ctx, p, "diff", name) }}
	}
	result, err := o.compare(ctx, side(a), side(b), now)
	if err != nil {
		return err
	}
	for _, w := range result.Warnings {
		p.warn(w)
	}
	if err := p.result(result, result.text); err != nil {
		return err
	}
	return result.status()
}

// side is one side of the comparison.
type side struct {
	name string
	open func() (*place, error)
}

// compare returns the differences between the two sides.
func (o *diffOptions) compare(ctx context.Context, a, b side, now time.Time) (diffResult, error) {
	ours, odd, failed := o.trusted(ctx, a)
	theirs, odder, err := o.trusted(ctx, b)
	if err := errors.Join(failed, err); err != nil {
		return diffResult{}, err
	}
	result := compareSets(ours, theirs, now)
	result.A, result.B, result.Warnings = a.name, b.name, orEmpty(append(odd, odder...))
	return result, nil
}

// status returns the error for the exit status of this result.
func (r diffResult) status() error {
	if len(r.OnlyA)+len(r.OnlyB)+len(r.Renewed) == 0 {
		return nil
	}
	return reportedError{fmt.Errorf("%s and %s differ", r.A, r.B), exitFound}
}

// trusted returns the CAs that a root trusts or a file holds, and the oddities met
// on the way.
func (o *diffOptions) trusted(ctx context.Context, s side) (set *certs.Set, odd []string, err error) {
	at, err := s.open()
	if err != nil {
		return nil, nil, err
	}
	defer at.close()
	if at.root != nil {
		set := at.trusted(s.name, func(err error) { odd = append(odd, fmt.Sprintf("%s: %v", s.name, err)) })
		return set, odd, nil
	}
	set, findings, err := at.held(ctx, o.javaPassword)
	if err != nil {
		return nil, nil, fmt.Errorf("diff %s: %w", s.name, err)
	}
	for _, f := range findings {
		odd = append(odd, s.name+": "+f.String())
	}
	return set, odd, nil
}

func compareSets(a, b *certs.Set, now time.Time) diffResult {
	r := diffResult{Schema: 1, OnlyA: []diffCert{}, OnlyB: []diffCert{}, Renewed: []renewedCert{}}
	onlyA, onlyB := without(a, b), without(b, a)
	r.Both = a.Len()
	all := maps.Clone(onlyA)
	maps.Copy(all, onlyB)
	for _, subject := range slices.Sorted(maps.Keys(all)) {
		ours, theirs := onlyA[subject], onlyB[subject]
		r.Both -= len(ours)
		switch {
		case len(theirs) == 0:
			r.OnlyA = append(r.OnlyA, listed(ours, now)...)
		case len(ours) == 0:
			r.OnlyB = append(r.OnlyB, listed(theirs, now)...)
		default:
			r.Renewed = append(r.Renewed, renewedCert{subject, listed(ours, now), listed(theirs, now), sameKey(ours[0], theirs[0])})
		}
	}
	return r
}

// without returns the certificates of a that b does not have, by subject.
func without(a, b *certs.Set) map[string][]*certs.Certificate {
	left := map[string][]*certs.Certificate{}
	for c := range a.All() {
		if !b.Has(c.Fingerprint()) {
			left[c.Subject()] = append(left[c.Subject()], c)
		}
	}
	return left
}

func sameKey(a, b *certs.Certificate) bool {
	x, y := a.X509(), b.X509()
	return x != nil && y != nil && string(x.RawSubjectPublicKeyInfo) == string(y.RawSubjectPublicKeyInfo)
}

func listed(list []*certs.Certificate, now time.Time) []diffCert {
	var out []diffCert
	for _, c := range list {
		out = append(out, diffCert{c.Fingerprint().String(), c.Subject(), c.NotAfter(), now.After(c.NotAfter())})
	}
	return out
}

func (r diffResult) text(w io.Writer) {
	rows := [][]string{}
	add := func(sign string, list []diffCert) {
		for _, c := range list {
			until := "until " + c.NotAfter.Format(time.DateOnly)
			if c.Expired {
				until = "expired " + c.NotAfter.Format(time.DateOnly)
			}
			rows = append(rows, []string{sign, c.Fingerprint[:16], until, c.Subject})
		}
	}
	add("-", r.OnlyA)
	add("+", r.OnlyB)
	for _, renewed := range r.Renewed {
		add("-", renewed.A)
		add("+", renewed.B)
	}
	table(w, rows)
	for _, renewed := range r.Renewed {
		key := "another key"
		if renewed.SameKey {
			key = "the same key"
		}
		fmt.Fprintf(w, "%s: another certificate in each, with %s\n", renewed.Subject, key)
	}
	ours, theirs := len(r.OnlyA), len(r.OnlyB)
	for _, renewed := range r.Renewed {
		ours, theirs = ours+len(renewed.A), theirs+len(renewed.B)
	}
	fmt.Fprintf(w, "%d in both, %d only in %s, %d only in %s\n", r.Both, ours, r.A, theirs, r.B)
}
