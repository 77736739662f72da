package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/keystore"
	"github.com/certgraft/certgraft/probe"
)

// trustOptions are the flags that say whose trust counts.
type trustOptions struct {
	fetch        fetchOptions
	root         string
	image        string
	imageRoot    imageRootOptions
	java         string // file of a trust store
	javaPassword string // file that holds its password
	with         cli.StringSlice
	only         bool
}

func (o *trustOptions) flags() []cli.Flag {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "root", Category: targetFlags, Usage: "trust what the root file system in `DIR` trusts", Value: "/", TakesFile: true, Destination: &o.root},
		&cli.StringFlag{Name: "image", Category: targetFlags, Usage: "trust what the image `IMAGE` trusts", Destination: &o.image},
		&cli.StringFlag{Name: "java", Category: targetFlags, Usage: "trust what the Java trust store in `FILE` trusts", TakesFile: true, Destination: &o.java},
		javaPasswordFlag(&o.javaPassword),
		&cli.StringSliceFlag{Name: "with", Category: targetFlags, Usage: "trust the certificates of `SOURCE` too, as if they were installed", TakesFile: true, Destination: &o.with},
		&cli.BoolFlag{Name: "only", Category: targetFlags, Usage: "trust nothing but what --with names", Destination: &o.only},
	}
	// The timeout of this command is the server's; downloads keep their own.
	o.fetch.timeout = time.Minute
	flags = append(flags, o.imageRoot.flags()...)
	return append(flags, slices.DeleteFunc(o.fetch.flags(), func(f cli.Flag) bool { return f.Names()[0] == "timeout" })...)
}

// trust is what a client is taken to trust.
type trust struct {
	set      *certs.Set // the sources of each certificate are the stores and --with sources that have it
	whose    string     // in words
	install  string     // the command that would add to it
	root     string     // "" with --only
	with     []string
	warnings []string

	at *place // that is trusted, or nil
}

// load reads the stores of the root and the sources.
func (o *trustOptions) load(ctx context.Context, p *printer, now time.Time) (*trust, error) {
	specs := o.with.Value()
	t := &trust{set: &certs.Set{}, with: []string{}, warnings: []string{}}
	switch {
	case o.only && len(specs) == 0:
		return nil, hint.Add(usagef("--only trusts what --with names, and there is none"), "add --with SOURCE")
	case o.several():
		return nil, usagef("--root, --image and --java exclude each other")
	}
	if err := o.loadStores(ctx, p, t, now); err != nil {
		return nil, err
	}
	if err := o.loadSources(ctx, p, t, specs); err != nil {
		t.Close()
		return nil, err
	}
	o.words(t)
	return t, nil
}

// several reports whether more than one flag says whose trust counts.
func (o *trustOptions) several() bool {
	n := 0
	for _, given := range []bool{o.root != "/", o.image != "", o.java != ""} {
		if given {
			n++
		}
	}
	return n > 1
}

func (o *trustOptions) loadStores(ctx context.Context, p *printer, t *trust, now time.Time) error {
	var err error
	switch {
	case o.only:
		return nil
	case o.java != "":
		return o.loadJava(t)
	case o.image != "":
		t.at, err = o.imageRoot.open(ctx, p, o.image)
	default:
		t.at, err = p.openRoot(o.root)
	}
	if err != nil {
		return err
	}
	return t.inspect(now)
}

// inspect takes what the stores of the root hold.
func (t *trust) inspect(now time.Time) error {
	found, err := installer.Inspect(t.at.root, now, t.at.options)
	if err != nil {
		t.Close()
		return fmt.Errorf("read the trust stores of %s: %w", t.at.name, err)
	}
	t.root, t.set = t.at.name, found.Held()
	if t.set.Len() == 0 {
		t.warnings = append(t.warnings, t.root+" has no trust store with a certificate in it: its programs trust nobody, or only roots of their own")
	}
	return nil
}

func (o *trustOptions) loadJava(t *trust) error {
	data, err := os.ReadFile(o.java)
	if err != nil {
		return fmt.Errorf("--java: %w", err)
	}
	held, ok, err := heldByKeystore(data, o.javaPassword)
	if err == nil && !ok {
		err = keystore.ErrFormat
	}
	if err != nil {
		return fmt.Errorf("--java %s: %w", o.java, err)
	}
	for c := range held.All() {
		t.set.Add(c, o.java)
	}
	return nil
}

func (o *trustOptions) loadSources(ctx context.Context, p *printer, t *trust, specs []string) error {
	if len(specs) == 0 {
		return nil
	}
	fetch, done, err := o.fetch.options(p)
	if err != nil {
		return err
	}
	loaded, err := bundles.Load(ctx, fetch, specs...)
	done()
	if err != nil {
		return err
	}
	for _, b := range loaded {
		t.with = append(t.with, b.Source)
		for _, w := range b.Warnings {
			t.warnings = append(t.warnings, b.Source+": "+w)
		}
		for c := range b.Certs.All() {
			t.set.Add(c, b.Source)
		}
	}
	return nil
}

// words says whose trust it is, and how it would grow.
func (o *trustOptions) words(t *trust) {
	t.install = "certgraft install"
	switch {
	case o.only:
		t.whose = strings.Join(t.with, ", ")
		return
	case o.image != "":
		t.whose = "the image " + o.image
		t.install = "certgraft patch --tag NEW " + shellQuoted(o.image)
	case o.java != "":
		t.whose = "the Java trust store " + o.java
		t.install += " --stores java"
		if base := filepath.Base(o.java); base != "cacerts" && base != "jssecacerts" { // what install edits
			t.install = "certgraft bundle --with-system --format jks --output NEW.jks"
		}
	case o.root == "/":
		t.whose = "this system"
	default:
		t.whose = "the root " + o.root
		t.install += " --root " + shellQuoted(o.root)
	}
	if len(t.with) > 0 {
		t.whose += " with " + strings.Join(t.with, ", ")
	}
}

// Close closes the root.
func (t *trust) Close() {
	if t.at != nil {
		t.at.close()
	}
}

// trustResult is the JSON of what is trusted.
type trustResult struct {
	Root         string   `json:"root,omitzero"`
	With         []string `json:"with"`
	Certificates int      `json:"certificates"`
}

func (t *trust) result() trustResult {
	return trustResult{Root: t.root, With: t.with, Certificates: t.set.Len()}
}

// caveats names programs that would judge otherwise than OpenSSL with this
// trust: those in the root, and those whose environment points elsewhere.
func (t *trust) caveats(p *printer, report *probe.Report) []string {
	if report.Verdict.Status != probe.Trusted || t.root == "" {
		return nil
	}
	anchor := report.Chain[len(report.Chain)-1]
	out := runtimeCaveats(t.at.root, anchor)
	installed := !slices.ContainsFunc(anchor.TrustedBy, func(by string) bool { return slices.Contains(t.with, by) })
	if value := p.env["SSL_CERT_FILE"]; value != "" && t.root == "/" && installed {
		if real, err := filepath.EvalSymlinks(value); err == nil && !slices.Contains(anchor.TrustedBy, real) {
			out = append(out, "SSL_CERT_FILE has programs read "+value+", which does not hold "+anchor.Subject)
		}
	}
	return out
}
