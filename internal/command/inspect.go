package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/command/bill"
	"github.com/certgraft/certgraft/internal/command/page"
	"github.com/certgraft/certgraft/internal/command/words"
	"github.com/certgraft/certgraft/internal/hint"
)

// inspectOptions are the flags of certgraft inspect.
type inspectOptions struct {
	now          time.Time
	listed       func(*certs.Certificate) (string, bool) // see [certs.Policy]
	javaPassword string                                  // file with the password
	json         bool
	root         string // the same as the argument
	html         string // file for the page, "-" for standard output
	cyclonedx    string // file for the bill, "-" for standard output
	image        imageRootOptions
}

func inspectCommand(p *printer) *cli.Command {
	o := &inspectOptions{}
	return &cli.Command{
		Name:        "inspect",
		Usage:       "say which trust stores there are, what each holds, and where they disagree",
		ArgsUsage:   "[ROOT|FILE|IMAGE]",
		Description: "certgraft inspect                 the running system\ncertgraft inspect /mnt/root\ncertgraft inspect corp.pem\ncertgraft inspect docker://debian:13\ncertgraft inspect --from-file images.txt\ncertgraft inspect --html report.html /   a page to read, print or keep\ncertgraft inspect --cyclonedx cas.cdx.json docker://debian:13",
		Flags:       slices.Concat(o.flags(), o.documentFlags(), o.image.listFlags("look into the images", lookLine), o.image.flags()),
		Action: taking(0, 1, "", func(ctx context.Context, args []string) error {
			defer o.image.close()
			if o.root != "" {
				args = append(args, o.root)
			}
			switch {
			case o.image.list.given():
				return o.fleet(ctx, p, args)
			case len(args) > 1:
				return hint.Add(usagef("inspect: %s and --root %s are two roots", args[0], o.root), "name one of them")
			}
			return o.run(ctx, p, append(args, "/")[0])
		}),
	}
}

func (o *inspectOptions) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "root", Category: targetFlags, Usage: "look into the root file system in `DIR`, as the argument does", TakesFile: true, Destination: &o.root},
		javaPasswordFlag(&o.javaPassword),
	}
}

func (o *inspectOptions) run(ctx context.Context, p *printer, name string) (err error) {
	if err := o.prepare(ctx, p); err != nil {
		return err
	}
	if err := errors.Join(o.image.list.check(), o.checkDocuments(p)); err != nil {
		return err
	}
	at, err := o.image.place(ctx, p, "inspect", name)
	if err != nil {
		return err
	}
	defer at.close()
	if at.root == nil {
		return o.inspectFile(ctx, p, at)
	}
	found, err := o.inspect(ctx, at)
	if err != nil {
		return err
	}
	for _, w := range found.Warnings {
		p.warn(w)
	}
	return o.report(p, documents{
		page: func() *page.Page { return found.page(name, o.now) },
		bill: func() *bill.Bill { return bill.Root(found.subject(name), found.Inspection) },
	}, found, found.text)
}

// prepare loads the lists by which certificates are judged.
func (o *inspectOptions) prepare(ctx context.Context, p *printer) (err error) {
	if o.now, err = p.env.now(); err != nil {
		return err
	}
	o.json = p.json
	o.listed, err = listedBy(ctx, nil)
	return err
}

// inspect looks into the stores of a root.
func (o *inspectOptions) inspect(ctx context.Context, at *place) (r rootResult, err error) {
	if at.options.JavaPassword, err = readPassword(ctx, o.javaPassword); err != nil {
		return r, err
	}
	found, err := installer.Inspect(at.root, o.now, at.options)
	if err != nil {
		return r, fmt.Errorf("inspect %s: %w", at.name, err)
	}
	r = rootResult{Schema: 1, imageName: at.image, Inspection: found, Readers: installer.Readers(at.root, at.options), Databases: installer.Databases(at.root), names: func(w io.Writer) { o.namesText(w, found) }}
	if o.json {
		r.Certificates = o.held(found)
	}
	return r, nil
}

// rootResult is the JSON of certgraft inspect of a root, or an image.
type rootResult struct {
	Schema int `json:"schema"` // 1; grows when a field changes its meaning
	imageName
	Error string `json:"error,omitzero"` // of an image of a list that failed
	*installer.Inspection
	Readers      []installer.ReaderState   `json:"readers"`
	Databases    []installer.DatabaseState `json:"databases"` // of NSS
	Certificates []heldResult              `json:"certificates"`

	names func(io.Writer) // names the certificates that need attention
}

// page is the page of the root under this name.
func (r rootResult) page(name string, now time.Time) *page.Page {
	p := page.Root(name, r.Inspection, now).Readers(r.Readers, r.Databases)
	if r.Image != "" {
		p.Image(string(r.Digest), r.Platform)
	}
	return p
}

// subject is the subject of the bill.
func (r rootResult) subject(name string) bill.Subject {
	if r.Image != "" {
		return bill.Subject{Name: r.Image, Digest: string(r.Digest), Kind: "container"}
	}
	return bill.Subject{Name: name, Kind: "operating-system"}
}

func (r rootResult) text(w io.Writer) {
	r.imageName.text(w)
	found := r.Inspection
	fmt.Fprintf(w, "%s store: %s\n", found.Distribution.Family, found.Distribution.Rule)
	if len(found.Stores) == 0 {
		fmt.Fprintln(w, "no trust store: programs here trust no server, or only roots of their own")
		r.readersText(w)
		distrustedText(w, found)
		return
	}
	rows := [][]string{{"STORE", "FORMAT", "CERTIFICATES", "EXPIRED", "WITHIN 90 DAYS", "CERTGRAFT"}}
	for _, s := range found.Stores {
		rows = append(rows, []string{s.Path, s.Format, fmt.Sprint(s.Certificates), fmt.Sprint(s.Expired), fmt.Sprint(s.Expiring), fmt.Sprint(s.Certgraft)})
	}
	table(w, rows)
	for _, s := range found.Stores {
		if len(s.Aliases) > 0 {
			fmt.Fprintf(w, "%s is also %s\n", s.Path, strings.Join(s.Aliases, ", "))
		}
		for _, problem := range s.Problems {
			fmt.Fprintf(w, "%s: %s\n", s.Path, problem)
		}
	}
	r.readersText(w)
	r.names(w)
	differencesText(w, found.Differences)
}

func differencesText(w io.Writer, all []installer.Difference) {
	const most = 5
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(w, "the stores disagree on %s:\n", words.Plural(len(all), "certificate"))
	for _, d := range all[:min(len(all), most)] {
		fmt.Fprintf(w, "  %s: in %s, not in %s\n", d.Subject, strings.Join(d.In, ", "), strings.Join(d.Missing, ", "))
	}
	if len(all) > most {
		fmt.Fprintf(w, "  and %d more; --json lists them\n", len(all)-most)
	}
}

// certificateResult is the JSON of one certificate of a file.
type certificateResult struct {
	Fingerprint string    `json:"fingerprint"`
	Subject     string    `json:"subject"`
	Issuer      string    `json:"issuer"`
	NotBefore   time.Time `json:"notBefore"`
	NotAfter    time.Time `json:"notAfter"`
	CA          bool      `json:"ca"`
	Key         string    `json:"key,omitzero"` // "RSA 2048", "ECDSA P-256", "Ed25519"
	Remark      string    `json:"remark,omitzero"`
}

// fileResult is the JSON of a file of certificates.
type fileResult struct {
	Schema       int                 `json:"schema"` // 1; grows when a field changes its meaning
	Path         string              `json:"path"`
	Set          string              `json:"set"`
	Certificates []certificateResult `json:"certificates"`
	Findings     []findingResult     `json:"findings"`
}

func (o *inspectOptions) inspectFile(ctx context.Context, p *printer, at *place) error {
	set, findings, err := at.held(ctx, o.javaPassword)
	if err != nil {
		return fmt.Errorf("inspect %s: %w", at.name, err)
	}
	out := fileResult{Schema: 1, Path: at.name, Set: set.Digest(), Findings: orEmpty(findings)}
	for c := range set.All() {
		out.Certificates = append(out.Certificates, o.certificate(c))
	}
	p.warnFindings(at.name, out.Findings)
	return o.report(p, documents{
		page: func() *page.Page { return page.File(at.name, set, problemsOf(out.Findings), o.now) },
		bill: func() *bill.Bill { return bill.File(at.name, set) },
	}, out, out.text)
}

// problemsOf returns findings as the problems of a page.
func problemsOf(findings []findingResult) (problems []string) {
	for _, f := range findings {
		problems = append(problems, f.String())
	}
	return problems
}

func (r fileResult) text(w io.Writer) {
	rows := [][]string{{"FINGERPRINT", "EXPIRES", "SUBJECT"}}
	for _, c := range r.Certificates {
		line := []string{c.Fingerprint[:16], c.NotAfter.Format(time.DateOnly), c.Subject}
		if c.Remark != "" {
			line[2] += " (" + c.Remark + ")"
		}
		rows = append(rows, line)
	}
	table(w, rows)
	fmt.Fprintf(w, "%s, pin: @set:%s\n", words.Plural(len(r.Certificates), "certificate"), r.Set)
}
