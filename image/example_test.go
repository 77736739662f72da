package image_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/rootfs"
)

// small returns an image for linux/amd64 that holds one file.
func small(file, content string) v1.Image {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	check(w.WriteHeader(&tar.Header{Name: file, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))}))
	_, err := w.Write([]byte(content))
	check(err)
	check(w.Close())
	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64"})
	check(err)
	img, err = mutate.AppendLayers(img, static.NewLayer(archive.Bytes(), types.DockerUncompressedLayer))
	check(err)
	return img
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// An image in a registry gets one file more, on every platform, and a new tag.
func ExampleUpdate() {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(new(bytes.Buffer), "", 0))))
	defer server.Close()
	app := strings.TrimPrefix(server.URL, "http://") + "/app"
	tag, err := name.ParseReference(app + ":1")
	check(err)
	check(remote.Write(tag, small("etc/motd", "hi\n")))

	ctx, locations := context.Background(), &image.Locations{}
	from, err := locations.Parse(app + ":1")
	check(err)
	img, err := from.Get(ctx)
	check(err)
	result, err := image.Update(ctx, img, func(root *rootfs.Overlay, _ *image.Config) error {
		return root.WriteFile("etc/motd", []byte("hello\n"), 0o644)
	}, image.Options{})
	check(err)
	to, err := locations.Parse(app + ":2")
	check(err)
	check(to.Put(ctx, result.Image))

	for _, part := range result.Parts {
		fmt.Println(part.Platform, "changes", part.Changes[0].Name)
	}
	again, err := to.Get(ctx)
	check(err)
	fmt.Println(again.Descriptor.Digest == result.Image.Descriptor.Digest)
	// Output:
	// linux/amd64 changes etc/motd
	// true
}

// The root of an image is a file system.
func ExampleRoot() {
	dir, err := os.MkdirTemp("", "")
	check(err)
	defer func() { check(os.RemoveAll(dir)) }()
	index, err := layout.Write(dir, empty.Index)
	check(err)
	check(index.AppendImage(small("etc/motd", "hi\n")))

	at, err := (&image.Locations{}).Parse("oci:" + dir)
	check(err)
	img, err := at.Get(context.Background())
	check(err)
	root, config, err := image.Root(context.Background(), img, image.Options{})
	check(err)
	target, err := root.Lstat("etc/motd")
	check(err)
	fmt.Println(config.Platform, target.Name(), target.Size())
	// Output: linux/amd64 motd 3
}

func ExampleLocations_Parse() {
	locations := &image.Locations{}
	for _, text := range []string{"debian:12", "oci:layout:app", "docker-archive:-"} {
		at, err := locations.Parse(text)
		check(err)
		fmt.Println(at, at.IsRegistry(), at.IsStream())
	}
	// Output:
	// debian:12 true false
	// oci:layout:app false false
	// docker-archive:- false true
}
