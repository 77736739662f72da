package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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
	cache    string // directory that keeps layers

	shared *imageRoots // state that all images share, set when the first one is opened
}

func (o *imageRootOptions) flags() []cli.Flag {
	return append([]cli.Flag{
		wordFlag{&cli.StringFlag{Name: "platform", Category: imageFlags, Usage: "of an image for several: the one for `OS/ARCH`[/VARIANT]", Destination: &o.platform}, platformWords, true},
	}, o.registry.flags()...)
}

// isImageStream reports whether a name means an image on standard input.
func isImageStream(name string) bool {
	at, err := (&image.Locations{}).Parse(name)
	return err == nil && at.IsStream()
}

// place is what a command inspects: a root, or a file of certificates.
type place struct {
	name    string
	root    rootFS            // nil for a file
	options installer.Options // options of package installer for the root
	closer  io.Closer
	data    []byte    // of the file
	image   imageName // the image of the root
}

// imageName says which image a result is about. It is empty for a root or a file.
type imageName struct {
	Image    string       `json:"image,omitzero"`
	Digest   image.Digest `json:"digest,omitzero"` // of the name, which may be an index
	Platform string       `json:"platform,omitzero"`
}

// text writes the name as the first line of a report.
func (n imageName) text(w io.Writer) {
	if n.Image != "" {
		fmt.Fprintf(w, "%s is %s, %s\n", n.Image, n.Digest, n.Platform)
	}
}

// rootFS is a root that is only read.
type rootFS = fs.ReadLinkFS

// place opens a name: an image if it has the prefix of one, else a directory or a
// file.
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

// isMissing reports whether err says that a path does not exist. A file in the
// middle of a path counts too.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// noSuchFile is the error for a name that does not exist. It does not repeat a
// URL, which may hold a password.
func noSuchFile(command, name string) error {
	if strings.Contains(name, "://") {
		return hint.Add(usagef("%s: a URL is not read here", command), "certgraft bundle URL --output FILE downloads certificates; for a registry image write docker://REGISTRY/REPOSITORY:TAG")
	}
	err := usagef("%s %s: no such file or directory", command, name)
	if _, not := (&image.Locations{}).Parse(name); not != nil {
		return hint.Add(err, "check the path; an image has a prefix, such as docker:// or oci:")
	}
	return hint.Add(err, "for a registry image write docker://"+name)
}

// notAnImage refuses the name of an image as the directory of a root.
func notAnImage(dir string) error {
	if _, err := os.Stat(dir); !isMissing(err) || !strings.Contains(dir, ":") {
		return nil
	}
	if _, err := (&image.Locations{}).Parse(dir); err != nil {
		return nil
	}
	return hint.Add(usagef("--root %s: it is an image, and no directory", dir), "certgraft patch installs into an image; remove, distrust and verify take --image "+dir)
}

// notARegistry adds a hint to the error of an image in a registry: a file or a
// layout here has the name of the image, and needs a prefix.
func notARegistry(at image.Location, err error) error {
	if err == nil || !at.IsRegistry() {
		return err
	}
	name := at.String()
	if info, e := os.Stat(name); e == nil && info.Mode().IsRegular() {
		return hint.Add(err, "for the file "+name+" "+archiveNames(name))
	}
	if _, e := os.Stat(filepath.Join(name, "oci-layout")); e == nil {
		return hint.Add(err, "for the OCI layout in the directory "+name+" write oci:"+name)
	}
	return err
}

// archiveNames says how to name an archive of images.
func archiveNames(file string) string {
	return "write docker-archive:" + file + " or oci-archive:" + file
}

// isArchive is the error for an archive of images that is named as a file.
func isArchive(file string) error {
	return hint.Add(usagef("it is a tar archive"), "for an image "+archiveNames(file))
}

// listFlags are the flags of the commands that look into the images of a list; see
// [imageList.flags].
func (o *imageRootOptions) listFlags(does, line string) []cli.Flag {
	return append(o.list.flags(does, line), layerCacheFlag(&o.cache))
}

// imageRoots opens the roots of images. A layer that several images share is read
// once.
type imageRoots struct {
	*image.Locations

	opt image.Options
}

// roots returns the opener of images. The command closes it at its end.
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

// open returns the root of the named image, see [imageRoots.open].
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

// open returns the root of an image, from all its layers, and the environment of
// its programs.
func (r *imageRoots) open(ctx context.Context, at image.Location) (*place, error) {
	img, err := at.Get(ctx)
	if err != nil {
		return nil, notARegistry(at, err)
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

// openRoot clears the steps of killed runs from the root in dir, and opens it. The
// environment is known only for the running system.
func (p *printer) openRoot(ctx context.Context, dir string) (*place, error) {
	if err := notAnImage(dir); err != nil {
		return nil, err
	}
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

// path returns the path of a file in a root on the disk.
func (at *place) path(file string) string { return strings.TrimSuffix(at.name, "/") + file }

func (at *place) close() {
	if at.closer != nil {
		_ = at.closer.Close()
	}
}

// trusted returns the CAs in the stores of a root, under the name source. Errors
// of reading go to odd.
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

// held returns the certificates of a file and the oddities in it, as a source
// would have them. It refuses an archive: an image must be named as one, and the
// files of another archive together are no bundle.
func (at *place) held(ctx context.Context, passwordFile string) (*certs.Set, []findingResult, error) {
	if isTar(at.data) {
		return nil, nil, isArchive(at.name)
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

// heldByKeystore returns the CAs of a trust store of Java. ok is false for any other
// file.
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
		return nil, false, nil // DER and PKCS#7 begin with the same bytes as PKCS#12
	}
	set = &certs.Set{}
	for _, e := range s.Entries() {
		set.Add(e.Cert, "")
	}
	return set, true, nil
}
