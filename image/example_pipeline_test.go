package image_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/rootfs"
)

// A bundle is loaded once, and installed into a directory and into an image:
// [bundles.Load] gets the certificates, [installer.Install] edits the stores of a
// root, [rootfs.Update] and [Update] say which root, and commit what changed.
func Example_pipeline() {
	ctx := context.Background()
	loaded, err := bundles.Load(ctx, bundles.Options{Offline: true}, "aws-rds:eu-west-1")
	check(err)
	var sources []installer.Source
	for _, b := range loaded {
		sources = append(sources, installer.Source{Name: b.Source, Anchor: b.Anchor, SetDigest: b.Certs.Digest(), Certs: b.Certs})
	}
	var report *installer.Report
	install := func(root *rootfs.Overlay) (err error) { // it can run twice: the last report is right
		report, err = installer.Install(root, sources, installer.Options{})
		return err
	}
	tell := func() {
		for _, s := range report.Stores {
			fmt.Println("added to", s.Path, s.Added)
		}
	}

	const release = "ID=alpine\n"
	dir, err := os.MkdirTemp("", "")
	check(err)
	defer func() { check(os.RemoveAll(dir)) }()
	root := filepath.Join(dir, "root")
	check(os.MkdirAll(filepath.Join(root, "etc"), 0o755))
	check(os.WriteFile(filepath.Join(root, "etc/os-release"), []byte(release), 0o644))
	check(rootfs.Update(root, install))
	tell()

	index, err := layout.Write(filepath.Join(dir, "layout"), empty.Index)
	check(err)
	check(index.AppendImage(small("etc/os-release", release)))
	at, err := (&image.Locations{}).Parse("oci:" + filepath.Join(dir, "layout"))
	check(err)
	img, err := at.Get(ctx)
	check(err)
	result, err := image.Update(ctx, img, func(root *rootfs.Overlay, _ *image.Config) error {
		return install(root)
	}, image.Options{Reads: installer.Reads})
	check(err)
	tell()
	check(at.Put(ctx, result.Image))

	anchors, err := filepath.Glob(filepath.Join(root, "usr/local/share/ca-certificates/*.crt"))
	check(err)
	fmt.Println("anchors in the directory:", len(anchors))
	fmt.Println("the image changed:", result.Changed)
	// Output:
	// added to /etc/ssl/certs/ca-certificates.crt 3
	// added to /etc/ssl/certs/ca-certificates.crt 3
	// anchors in the directory: 3
	// the image changed: true
}
