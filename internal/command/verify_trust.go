package command

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/input"
	"github.com/certgraft/certgraft/keystore"
	"github.com/certgraft/certgraft/readers"
	"github.com/certgraft/certgraft/rootfs"
)

// trustOptions are the flags that name the trusted CAs.
type trustOptions struct {
	fetch        fetchOptions
	root         string
	image        string
	imageRoot    imageRootOptions
	java         string // file of a trust store
	javaPassword string // file with its password
	with         cli.StringSlice
	only         bool
	as           cli.StringSlice

	rootCert string // sslrootcert of the address, see [probe.Target]
}

func (o *trustOptions) flags() []cli.Flag {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "root", Category: targetFlags, Usage: "trust what the root file system in `DIR` trusts", Value: "/", TakesFile: true, Destination: &o.root},
		&cli.StringFlag{Name: "image", Category: targetFlags, Usage: "trust what the image `IMAGE` trusts", Destination: &o.image},
		&cli.StringFlag{Name: "java", Category: targetFlags, Usage: "trust what the Java trust store in `FILE` trusts", TakesFile: true, Destination: &o.java},
		javaPasswordFlag(&o.javaPassword),
		&cli.StringSliceFlag{Name: "with", Category: targetFlags, Usage: "trust the certificates of `SOURCE` too, as if they were installed", TakesFile: true, Destination: &o.with},
		&cli.BoolFlag{Name: "only", Category: targetFlags, Usage: "trust nothing but what --with names", Destination: &o.only},
		asFlag(&o.as),
	}
	// The timeout of this command is for the server. Downloads keep their own.
	o.fetch.timeout = time.Minute
	flags = slices.Concat(flags, o.imageRoot.list.flags("trust, one after the other, what each image trusts", lookLine), o.imageRoot.flags())
	return append(flags, slices.DeleteFunc(o.fetch.flags(), func(f cli.Flag) bool { return f.Names()[0] == "timeout" })...)
}

// trust is the trusted CAs, and the readers that trust them.
type trust struct {
	readers  *readers.Root // of the root; no reader with --only or --java
	as       []string      // readers whose opinion counts; none means the default one
	with     *certs.Set    // CAs of --with and --java
	whose    string        // in words
	install  string        // the command that would add a CA
	root     string        // "" with --only
	sources  []string      // the sources of --with
	rootCert string        // sslrootcert of the address, by which libpq decides
	warnings []string

	at *place // the trusted root, or nil
}

// load reads the stores of the root and the sources.
func (o *trustOptions) load(ctx context.Context, p *printer) (*trust, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	t := o.newTrust()
	if err := o.loadStores(ctx, p, t); err != nil {
		return nil, err
	}
	loaded, err := o.loadSources(ctx, p)
	if err != nil {
		t.Close()
		return nil, err
	}
	t.add(loaded)
	o.words(t, o.image)
	return t, nil
}

// check refuses flags that exclude each other.
func (o *trustOptions) check() error {
	switch {
	case o.only && len(o.with.Value()) == 0:
		return hint.Add(usagef("--only trusts the sources of --with, and no --with is given"), "add --with SOURCE")
	case o.only && o.imageRoot.list.given():
		return usagef("--only trusts nothing of the images that --from-file names")
	case o.several():
		return usagef("--root, --image, --java and --from-file exclude each other")
	}
	o.imageRoot.cache = o.fetch.cache
	if err := checkReaders(o.readers()); err != nil {
		return err
	}
	return o.imageRoot.list.check()
}

// readers returns the ids of --as, which may be separated by commas.
func (o *trustOptions) readers() []string {
	if ids := o.as.Value(); len(ids) > 0 {
		return strings.Split(strings.Join(ids, ","), ",")
	}
	return nil
}

func (o *trustOptions) newTrust() *trust {
	t := &trust{readers: readers.Rules(), as: o.readers(), with: &certs.Set{}, sources: []string{}, warnings: []string{}}
	if !o.only && o.java == "" {
		t.rootCert = o.rootCert
	}
	if t.rootCert != "" && len(t.as) == 0 {
		t.as = []string{"libpq"}
	}
	return t
}

// ofImage returns the trust of an image of a list, with the loaded bundles.
func (o *trustOptions) ofImage(ctx context.Context, roots *imageRoots, at image.Location, loaded []*bundles.Bundle) (*trust, error) {
	t := o.newTrust()
	var err error
	if t.at, err = roots.open(ctx, at); err != nil {
		return nil, err
	}
	t.look()
	t.add(loaded)
	o.words(t, at.String())
	return t, nil
}

// several reports whether more than one flag names the trusted CAs.
func (o *trustOptions) several() bool {
	n := 0
	for _, given := range []bool{o.root != "/", o.image != "", o.java != "", o.imageRoot.list.given()} {
		if given {
			n++
		}
	}
	return n > 1
}

func (o *trustOptions) loadStores(ctx context.Context, p *printer, t *trust) error {
	var err error
	switch {
	case o.only:
		return nil
	case o.java != "":
		return o.loadJava(ctx, t)
	case o.image != "":
		t.at, err = o.imageRoot.open(ctx, p, o.image)
	default:
		t.at, err = p.openRoot(ctx, o.root)
	}
	if err != nil {
		return err
	}
	t.look()
	return nil
}

// look finds the readers of the root, and reads the files of the default one.
func (t *trust) look() {
	root, ok := t.at.root.(*rootfs.Overlay)
	if !ok {
		root = rootfs.NewOverlay(t.at.root)
	}
	t.root, t.readers = t.at.name, readers.Look(root, t.environ())
	t.readers.Default().Warm()
	for _, i := range t.readers.Found() {
		i.Warm()
	}
}

// environ returns the environment of the readers. libpq treats sslrootcert of an
// address like its variable, and takes a relative path from the working directory.
func (t *trust) environ() map[string]string {
	env := maps.Clone(t.at.options.Environ)
	if env == nil {
		env = map[string]string{}
	}
	name := cmp.Or(t.rootCert, env[rootCertVariable])
	if t.at.options.Live && name != "" && name != "system" {
		if full, err := filepath.Abs(name); err == nil {
			name = full
		}
	}
	if name != "" {
		env[rootCertVariable] = name
	}
	return env
}

// rootCertVariable is the variable of libpq for sslrootcert.
const rootCertVariable = "PGSSLROOTCERT"

func (o *trustOptions) loadJava(ctx context.Context, t *trust) error {
	data, err := input.ReadFile(ctx, o.java)
	if err != nil {
		return fmt.Errorf("--java: %w", err)
	}
	held, ok, err := heldByKeystore(ctx, data, o.javaPassword)
	if err == nil && !ok {
		err = keystore.ErrFormat
	}
	if err != nil {
		return fmt.Errorf("--java %s: %w", o.java, err)
	}
	for c := range held.All() {
		t.with.Add(c, o.java)
	}
	if len(t.as) == 0 {
		t.as = []string{"java"}
	}
	return nil
}

// loadSources returns the sources of --with.
func (o *trustOptions) loadSources(ctx context.Context, p *printer) ([]*bundles.Bundle, error) {
	specs := o.with.Value()
	if len(specs) == 0 {
		return nil, nil
	}
	fetch, done, err := o.fetch.options(ctx, p)
	if err != nil {
		return nil, err
	}
	defer done()
	return bundles.Load(ctx, fetch, specs...)
}

// add makes the certificates of sources trusted too.
func (t *trust) add(loaded []*bundles.Bundle) {
	for _, b := range loaded {
		t.sources = append(t.sources, b.Source)
		for _, w := range b.Warnings {
			t.warnings = append(t.warnings, b.Source+": "+w)
		}
		for c := range b.Certs.All() {
			t.with.Add(c, b.Source)
		}
	}
}

// words sets the description of the trust, for an image or for the other flags,
// and the command that would add a CA.
func (o *trustOptions) words(t *trust, image string) {
	t.install = "certgraft install"
	switch {
	case o.only:
		t.whose = strings.Join(t.sources, ", ")
		return
	case image != "":
		t.whose = "the image " + image
		t.install = "certgraft patch --tag NEW " + shellQuoted(image)
	case o.java != "":
		t.whose = "the Java trust store " + o.java
		t.install += " --stores java"
		if base := filepath.Base(o.java); base != "cacerts" && base != "jssecacerts" { // install edits stores of these names
			t.install = "certgraft bundle --with-system --format jks --output NEW.jks"
		}
	case o.root == "/":
		t.whose = "this system"
	default:
		t.whose = "the root " + o.root
		t.install += " --root " + shellQuoted(o.root)
	}
	if file := t.ownFile(); file != "" { // install does not edit it
		t.install = "certgraft bundle --output NEW.pem " + shellQuoted(t.at.path(file))
		if _, err := t.readers.Content(strings.TrimPrefix(file, "/")); isMissing(err) {
			t.install = "certgraft bundle --output " + shellQuoted(t.at.path(file))
		}
	}
	if o.fetch.catalog != "" { // this catalogue may have the missing bundle
		t.install += " --catalog " + shellQuoted(o.fetch.catalog)
	}
	if len(t.sources) > 0 {
		t.whose += " with " + strings.Join(t.sources, ", ")
	}
}

// ownFile returns the file that sslrootcert names in a root, unless it is a store
// of the system.
func (t *trust) ownFile() string {
	if t.rootCert == "" || t.at == nil || t.at.image != (imageName{}) {
		return ""
	}
	libpq, _ := t.readers.Named("libpq")
	system := t.readers.Default().Stores()
	for _, file := range libpq[0].Stores() {
		if !slices.Contains(system, file) {
			return file
		}
	}
	return ""
}

// Close closes the root.
func (t *trust) Close() {
	if t.at != nil {
		t.at.close()
	}
}

// trustResult is the JSON of the trusted CAs.
type trustResult struct {
	Root         string   `json:"root,omitzero"`
	With         []string `json:"with"`
	Certificates int      `json:"certificates"`
}

// result counts the CAs that the deciding reader trusts. It reads all of them.
func (t *trust) result(o opinion) trustResult {
	held, _ := o.Load()
	for c := range t.with.All() {
		held.Add(c, "")
	}
	return trustResult{Root: t.root, With: t.sources, Certificates: held.Len()}
}
