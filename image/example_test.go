package image_test

import (
	"context"
	"fmt"
	"log"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/rootfs"
)

// An image in a registry gets one file more, on every platform, and a new tag.
func ExampleUpdate() {
	ctx := context.Background()
	locations := &image.Locations{}
	from, err := locations.Parse("registry.example.com/app:1")
	if err != nil {
		log.Fatal(err)
	}
	img, err := from.Get(ctx)
	if err != nil {
		log.Fatal(err)
	}
	result, err := image.Update(ctx, img, func(root *rootfs.Overlay, _ *image.Config) error {
		return root.WriteFile("etc/motd", []byte("hello\n"), 0o644)
	}, image.Options{})
	if err != nil {
		log.Fatal(err)
	}
	to, err := locations.Parse("registry.example.com/app:2")
	if err != nil {
		log.Fatal(err)
	}
	if err := to.Put(ctx, result.Image); err != nil {
		log.Fatal(err)
	}
	fmt.Println(to.Pinned(result.Image.Descriptor.Digest))
}

func ExampleLocations_Parse() {
	locations := &image.Locations{}
	for _, text := range []string{"debian:12", "oci:layout:app", "docker-archive:-"} {
		at, err := locations.Parse(text)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(at, at.IsRegistry(), at.IsStream())
	}
	// Output:
	// debian:12 true false
	// oci:layout:app false false
	// docker-archive:- false true
}
