// Release makes the container images of a release from the output of goreleaser.
// Each image is an OCI layout with one image FROM scratch for each platform, which
// holds the programs, LICENSE and NOTICE. `make release` calls it:
//
//	SOURCE_DATE_EPOCH=… go run ./internal/release dist
//
// dist/image is certgraft's, dist/image-frontend that of the BuildKit frontend.
// The same binaries and the same SOURCE_DATE_EPOCH come to the same digests
// anywhere. A layout is copied with skopeo copy --all, or read by patch.
//
// `release notice DIR` writes NOTICE for the program in a directory.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Getenv("SOURCE_DATE_EPOCH"), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(args []string, epoch string, stdout io.Writer) error {
	if len(args) > 1 && args[0] == "notice" {
		return writeNotice(args[len(args)-1], args[1] == "--check")
	}
	if len(args) != 1 {
		return errors.New("usage: release DIST, or release notice [--check] DIR")
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH=%q: it is the commit's time: git log -1 --format=%%ct", epoch)
	}
	r, err := readDist(args[0])
	if err != nil {
		return err
	}
	r.created = time.Unix(seconds, 0).UTC()
	if err := r.publish(r.certgraft(), filepath.Join(args[0], "image"), stdout); err != nil {
		return err
	}
	return r.publish(r.frontend(), filepath.Join(args[0], "image-frontend"), stdout)
}

// publish writes an image, and prints its path and its digest.
func (r *release) publish(p product, layout string, stdout io.Writer) error {
	digest, err := r.write(p, layout)
	if err != nil {
		return fmt.Errorf("the image %s: %w", p.title, err)
	}
	_, err = fmt.Fprintf(stdout, "oci:%s:%s %s\n", layout, r.Version, digest)
	return err
}

// release is the description of a build from goreleaser's metadata.json, and the
// binaries in artifacts.json.
type release struct {
	Version  string `json:"version"` // without the v
	Commit   string `json:"commit"`
	checkout string // the directory in which goreleaser ran
	binaries []binary
	created  time.Time
}

// binary is an artifact of the type Binary.
type binary struct {
	Name   string `json:"name"` // of the program
	Path   string `json:"path"` // below the checkout
	Goos   string `json:"goos"`
	Goarch string `json:"goarch"`
	Goarm  string `json:"goarm"`
	Type   string `json:"type"`
}

// readDist reads the output directory of goreleaser.
func readDist(dir string) (*release, error) {
	r := &release{checkout: filepath.Dir(dir)}
	if err := readJSON(filepath.Join(dir, "metadata.json"), r); err != nil {
		return nil, err
	}
	var all []binary
	if err := readJSON(filepath.Join(dir, "artifacts.json"), &all); err != nil {
		return nil, err
	}
	for _, b := range all {
		if b.Type == "Binary" && b.Goos == "linux" {
			b.Path = r.source(b.Path)
			r.binaries = append(r.binaries, b)
		}
	}
	for _, name := range []string{"certgraft", "certgraft-frontend"} {
		if !slices.ContainsFunc(r.binaries, func(b binary) bool { return b.Name == name }) {
			return nil, fmt.Errorf("%s has no binary %s for Linux: run goreleaser first", dir, name)
		}
	}
	return r, nil
}

func readJSON(name string, v any) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
