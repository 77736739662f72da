package installer_test

import (
	"fmt"
	"os"
	"testing/fstest"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/rootfs"
)

// Install adds a CA to a root, and Remove takes it out. The caller then commits the
// overlay, see package rootfs, or makes a layer of it, see package image.
func Example() {
	root := rootfs.NewOverlay(fstest.MapFS{"etc/os-release": {Data: []byte("ID=alpine\n")}})
	file, err := os.ReadFile("../testdata/bundles/corp.pem")
	if err != nil {
		fmt.Println(err)
		return
	}
	all, _, err := certs.ParseAll(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	set := &certs.Set{}
	for _, c := range all {
		set.Add(c, "corp.pem")
	}
	source := installer.Source{Name: "corp.pem", Anchor: "corp", SetDigest: set.Digest(), Certs: set}
	if _, err := installer.Install(root, []installer.Source{source}, installer.Options{}); err != nil {
		fmt.Println(err)
		return
	}
	found, err := installer.Inspect(root, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), installer.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range found.Stores {
		fmt.Println(s.Path, s.Certificates)
	}
	report, err := installer.Remove(root, installer.Selection{Sources: []string{"corp.pem"}}, installer.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Stores[0].Removed, "removed")
	// Output:
	// /etc/ssl/certs/ca-certificates.crt 3
	// 3 removed
}

func ExampleInstall() {
	root := rootfs.NewOverlay(fstest.MapFS{"etc/os-release": {Data: []byte("ID=alpine\n")}})
	report, err := installer.Install(root, nil, installer.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Detection.Rule)
	// Output: os-release has ID=alpine
}
