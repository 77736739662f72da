package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/keystore"
	"github.com/certgraft/certgraft/rootfs"
)

// diffOptions are the flags of certgraft diff.
type diffOptions struct {
	javaPassword string // file that holds it
	image        imageRootOptions

	warnings []string // that there were
}

// warn notes what is odd in one of the two, for the result too.
func (o *diffOptions) warn(p *printer, name string, what any) {
	message := fmt.Sprintf("%s: %v", name, what)
	p.warn(message)
	o.warnings = append(o.warnings, message)
}

func diffCommand(p *printer) *cli.Command {
	o := &diffOptions{warnings: []string{}}
	return &cli.Command{
		Name:        "diff",
		Usage:       "say which certificates one of two trusts and the other does not",
		ArgsUsage:   "A B",
		Description: "certgraft diff / /mnt/root            two roots\ncertgraft diff old.pem new.pem         two files: bundles or Java trust stores\ncertgraft diff docker://app:1 docker://app:1-ca   two images\ncertgraft diff / corp.pem              exit status 5 if they differ",
		Flags:       append([]cli.Flag{javaPasswordFlag(&o.javaPassword)}, o.image.flags()...),
		Action: func(c *cli.Context) error {
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
	Both    int           `json:"both"` // certificates that both have
	OnlyA   []diffCert    `json:"onlyA"`
	OnlyB   []diffCert    `json:"onlyB"`
	Renewed []renewedCert `json:"renewed"` // one subject, another certificate in each

	Warnings []string `json:"warnings"`
}

// diffCert is a certificate that one of the two has.
type diffCert struct {
	Fingerprint string    `json:"fingerprint"`
	Subject     string    `json:"subject"`
	NotAfter    time.Time `json:"notAfter"`
	Expired     bool      `json:"expired"`
}

// renewedCert is a subject that both have certificates of, and not the same.
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
	if isImageStream(a) && isImageStream(b) {
		return stdinTwice(a, b)
	}
	ours, failed := o.trusted(ctx, p, a)
	theirs, err := o.trusted(ctx, p, b)
	if err := errors.Join(failed, err); err != nil {
		return err
	}
	result := compareSets(ours, theirs, now)
	result.A, result.B, result.Warnings = a, b, o.warnings
	if err := p.result(result, result.text); err != nil {
		return err
	}
	if len(result.OnlyA)+len(result.OnlyB)+len(result.Renewed) > 0 {
		return reportedError{fmt.Errorf("%s and %s differ", a, b), exitFound}
	}
	return nil
}

// trusted returns what a root trusts, or a file holds.
func (o *diffOptions) trusted(ctx context.Context, p *printer, name string) (*certs.Set, error) {
	if image.HasTransport(name) {
		root, _, err := o.image.open(ctx, p, name)
		if err != nil {
			return nil, err
		}
		return o.trustedBy(p, name, root), nil
	}
	info, err := os.Stat(name)
	switch {
	case isMissing(err):
		return nil, noSuchFile("diff", name)
	case err != nil:
		return nil, fmt.Errorf("diff: %w", err)
	case info.IsDir():
		return o.trustedByRoot(p, name)
	}
	return o.heldByFile(p, name)
}

// isMissing reports whether err is of a path that leads to nothing, by way of a
// file even.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// noSuchFile is the error of a name that is missing. A URL is not repeated: it
// may hold a password.
func noSuchFile(command, name string) error {
	if strings.Contains(name, "://") {
		return hint.Add(usagef("%s: a URL is not read here", command), "certgraft bundle URL --output FILE downloads certificates; for a registry image write docker://REGISTRY/REPOSITORY:TAG")
	}
	return hint.Add(usagef("%s %s: no such file or directory", command, name), "for a registry image write docker://"+name)
}

func (o *diffOptions) trustedByRoot(p *printer, dir string) (*certs.Set, error) {
	root, closer, err := rootfs.ReadOnly(dir)
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	return o.trustedBy(p, dir, root), nil
}

func (o *diffOptions) trustedBy(p *printer, name string, root fs.ReadLinkFS) *certs.Set {
	set := &certs.Set{}
	for c, err := range installer.Trusted(root) {
		if err != nil {
			o.warn(p, name, err)
			continue
		}
		set.Add(c, "")
	}
	return set
}

func (o *diffOptions) heldByFile(p *printer, name string) (*certs.Set, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("diff: %w", err)
	}
	set := &certs.Set{}
	if found, ok, err := heldByKeystore(data, o.javaPassword); ok || err != nil {
		if err != nil {
			return nil, fmt.Errorf("diff %s: %w", name, err)
		}
		return found, nil
	}
	taken, findings, err := certs.ParseAll(data)
	if err != nil {
		return nil, fmt.Errorf("diff %s: %w", name, refusedFile(err))
	}
	for _, f := range findings {
		o.warn(p, name, newFinding(f))
	}
	for _, c := range taken {
		set.Add(c, "")
	}
	return set, nil
}

// heldByKeystore returns the certificates of a Java trust store; ok is false for
// what is none. An archive is refused: it is an image where it is named as one,
// and what the files in it hold together is no bundle.
func heldByKeystore(data []byte, passwordFile string) (set *certs.Set, ok bool, err error) {
	password, err := readPassword(passwordFile)
	if err != nil {
		return nil, false, err
	}
	s, err := keystore.Open(data, password, keystore.DefaultPassword)
	switch {
	case len(data) > 262 && string(data[257:262]) == "ustar":
		return nil, false, hint.Add(usagef("it is a tar archive"), "for an image write docker-archive:FILE or oci-archive:FILE")
	case errors.Is(err, keystore.ErrFormat):
		return nil, false, nil
	case errors.Is(err, keystore.ErrPassword):
		return nil, true, hint.Add(err, "give its password with --java-password-file FILE")
	case err != nil:
		return nil, false, nil // DER and PKCS#7 begin as PKCS#12 does
	}
	set = &certs.Set{}
	for _, e := range s.Entries() {
		set.Add(e.Cert, "")
	}
	return set, true, nil
}

func compareSets(a, b *certs.Set, now time.Time) diffResult {
	r := diffResult{Schema: 1, OnlyA: []diffCert{}, OnlyB: []diffCert{}, Renewed: []renewedCert{}}
	onlyA, onlyB := without(a, b), without(b, a)
	r.Both = a.Len() - onlyA.Len()
	for _, subject := range subjects(onlyA, onlyB) {
		ours, theirs := bySubject(onlyA, subject), bySubject(onlyB, subject)
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

// without returns what a has and b has not.
func without(a, b *certs.Set) *certs.Set {
	left := &certs.Set{}
	for c := range a.All() {
		if !b.Has(c.Fingerprint()) {
			left.Add(c, "")
		}
	}
	return left
}

// subjects returns those of all sets, sorted.
func subjects(sets ...*certs.Set) []string {
	var all []string
	for _, s := range sets {
		for c := range s.All() {
			all = append(all, c.Subject())
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func bySubject(s *certs.Set, subject string) []*certs.Certificate {
	var found []*certs.Certificate
	for c := range s.All() {
		if c.Subject() == subject {
			found = append(found, c)
		}
	}
	return found
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
	fmt.Fprintf(w, "%d in both, %d only in %s, %d only in %s\n", r.Both, r.count(r.OnlyA, true), r.A, r.count(r.OnlyB, false), r.B)
}

// count adds the renewed ones of a side.
func (r diffResult) count(only []diffCert, a bool) int {
	n := len(only)
	for _, renewed := range r.Renewed {
		if a {
			n += len(renewed.A)
		} else {
			n += len(renewed.B)
		}
	}
	return n
}
