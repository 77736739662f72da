package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/input"
	"github.com/certgraft/certgraft/keystore"
	"github.com/certgraft/certgraft/rootfs"
)

// imageRootOptions are the flags of the commands that look into images.
type imageRootOptions struct {
	registry registryOptions
	list     imageList
	platform string
	cache    string // of layers

	shared *imageRoots // what images have in common, once one was opened
}

func (o *imageRootOptions) flags() []cli.Flag {
	return append([]cli.Flag{
		wordFlag{&cli.StringFlag{Name: "platform", Category: imageFlags, Usage: "of an image for several: the one for `OS/ARCH`[/VARIANT]", Destination: &o.platform}, platformWords, true},
	}, o.registry.flags()...)
}

// isImageStream reports whether a name is an image from standard input.
func isImageStream(name string) bool {
	at, err := (&image.Locations{}).Parse(name)
	return err == nil && at.IsStream()
}

// place is what a command looks into: a root, or a file of certificates.
type place struct {
	name    string
	root    rootFS            // nil for a file
	options installer.Options // what package installer is to know of the root
	closer  io.Closer
	data    []byte    // of the file
	image   imageName // whose root it is
}

// imageName says which image a result is about; it is empty for a root or a file.
type imageName struct {
	Image    string       `json:"image,omitzero"`
	Digest   image.Digest `json:"digest,omitzero"` // that the name stood for, of an index too
	Platform string       `json:"platform,omitzero"`
}

// text writes it as the first line of a report.
func (n imageName) text(w io.Writer) {
	if n.Image != "" {
		fmt.Fprintf(w, "%s is %s, %s\n", n.Image, n.Digest, n.Platform)
	}
}

// rootFS is a root that is looked at.
type rootFS = fs.ReadLinkFS

// place opens what name is: an image by its prefix, else a directory or a file
// that exists.
func (o *imageRootOptions) place(ctx context.Context, p *printer, command, name string) (*place, error) {
	if image.HasTransport(name) {
		return o.open(ctx, p, name)
	}
	info, err := os.Stat(name)
	var data []byte
	switch {
	case isMissing(err):
		return nil, noSuchFile(command, name)
	case err == nil && info.IsDir():
		return p.openRoot(ctx, name)
	case err == nil:
		data, err = input.ReadFile(ctx, name)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", command, err)
	}
	return &place{name: name, data: data}, nil
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

// listFlags are those of the commands that look into the images of a list; see
// [imageList.flags].
func (o *imageRootOptions) listFlags(does, line string) []cli.Flag {
	return append(o.list.flags(does, line), layerCacheFlag(&o.cache))
}

// imageRoots opens the roots of images. A layer that several have is read once.
type imageRoots struct {
	*image.Locations

	opt image.Options
}

// roots returns what opens images. It is closed with the command.
func (o *imageRootOptions) roots(ctx context.Context, p *printer) (*imageRoots, error) {
	if o.shared != nil {
		return o.shared, nil
	}
	locations, err := o.registry.locations(ctx, p)
	if err != nil {
		return nil, err
	}
	r := &imageRoots{locations, image.Options{Reads: installer.Reads, MaxLayerSize: image.DefaultMaxLayerSize, Memory: &image.Memory{}, Scan: image.ScanAll, Program: "certgraft", Logger: p.log()}}
	if o.platform != "" {
		platform, err := image.ParsePlatform(o.platform)
		if err != nil {
			return nil, usagef("--platform: %w", err)
		}
		r.opt.Platforms = []image.Platform{platform}
	}
	if o.cache != "" {
		if r.opt.Cache, err = image.OpenCache(o.cache, p.log()); err != nil {
			return nil, err
		}
	}
	o.shared = r
	return r, nil
}

// close closes the cache.
func (o *imageRootOptions) close() {
	if o.shared != nil {
		_ = o.shared.opt.Cache.Close() // it was only read and replaced by renames
	}
}

// open returns the root of the image that name is, see [imageRoots.open].
func (o *imageRootOptions) open(ctx context.Context, p *printer, name string) (*place, error) {
	r, err := o.roots(ctx, p)
	if err != nil {
		return nil, err
	}
	at, err := r.Parse(name)
	if err != nil {
		return nil, err
	}
	return r.open(ctx, at)
}

// open returns the root of an image, all of whose layers are read, with the
// environment of its programs.
func (r *imageRoots) open(ctx context.Context, at image.Location) (*place, error) {
	img, err := at.Get(ctx)
	if err != nil {
		return nil, err
	}
	root, config, err := image.Root(ctx, img, r.opt)
	if err != nil {
		return nil, err
	}
	return &place{
		name: at.String(), root: root, options: installer.Options{Environ: environOfImage(config)},
		image: imageName{at.String(), img.Descriptor.Digest, config.Platform.String()},
	}, nil
}

// openRoot opens the root in dir, without what runs left that were killed. Only of
// the running system's is the environment known.
func (p *printer) openRoot(ctx context.Context, dir string) (*place, error) {
	p.clearSteps(ctx, dir)
	root, closer, err := rootfs.ReadOnly(dir)
	if err != nil {
		return nil, err
	}
	at := &place{name: dir, root: root, closer: closer}
	if dir == "/" {
		at.options = installer.Options{Live: true, Environ: p.env}
	}
	return at, nil
}

func (at *place) close() {
	if at.closer != nil {
		_ = at.closer.Close()
	}
}

// trusted returns what the stores of a root trust, which source is to have. What
// cannot be read goes to odd.
func (at *place) trusted(source string, odd func(error)) *certs.Set {
	set := &certs.Set{}
	for c, err := range installer.Trusted(at.root) {
		if err != nil {
			odd(err)
			continue
		}
		set.Add(c, source)
	}
	return set
}

// held returns the certificates of a file and what is odd in it, as a source has
// them. An archive is refused: it is an image where it is named as one, and what
// the files in it hold together is no bundle.
func (at *place) held(ctx context.Context, passwordFile string) (*certs.Set, []findingResult, error) {
	if isTar(at.data) {
		return nil, nil, hint.Add(usagef("it is a tar archive"), "for an image write docker-archive:FILE or oci-archive:FILE")
	}
	password, err := readPassword(ctx, passwordFile)
	if err != nil {
		return nil, nil, err
	}
	taken, findings, err := bundles.Content(at.data, at.name, password)
	if errors.Is(err, keystore.ErrPassword) {
		err = hint.Add(err, "give its password with --java-password-file FILE")
	}
	if err != nil {
		return nil, nil, err
	}
	set, odd := &certs.Set{}, []findingResult{}
	for _, c := range taken {
		set.Add(c, "")
	}
	for _, f := range findings {
		odd = append(odd, newFinding(f))
	}
	return set, odd, nil
}

// isTar reports whether data is an archive.
func isTar(data []byte) bool { return len(data) > 262 && string(data[257:262]) == "ustar" }

// heldByKeystore returns the certificates that Java trusts by a trust store; ok is
// false for another file.
func heldByKeystore(ctx context.Context, data []byte, passwordFile string) (set *certs.Set, ok bool, err error) {
	password, err := readPassword(ctx, passwordFile)
	if err != nil {
		return nil, false, err
	}
	s, err := keystore.Open(data, password, keystore.DefaultPassword)
	switch {
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
