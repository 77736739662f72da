// Release makes certgraft's container image out of what goreleaser built: an OCI
// layout with one image FROM scratch for each Linux platform, which holds the
// binary and nothing else. `make release` calls it:
//
//	SOURCE_DATE_EPOCH=… go run ./internal/release dist dist/image
//
// The same binaries and the same SOURCE_DATE_EPOCH come to the same digest
// anywhere. The layout is copied with skopeo copy --all, or read by patch.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
	if len(args) != 2 {
		return errors.New("usage: release DIST LAYOUT")
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
	digest, err := r.write(args[1])
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "oci:%s:%s %s\n", args[1], r.Version, digest)
	return err
}

// release is what goreleaser says of a build in its metadata.json, and the
// binaries that it lists in artifacts.json.
type release struct {
	Version  string `json:"version"` // without the v
	Commit   string `json:"commit"`
	binaries []binary
	created  time.Time
}

// binary is one artifact of the type Binary.
type binary struct {
	Path   string `json:"path"` // below the directory that goreleaser ran in
	Goos   string `json:"goos"`
	Goarch string `json:"goarch"`
	Goarm  string `json:"goarm"`
	Type   string `json:"type"`
}

// readDist reads the directory that goreleaser writes.
func readDist(dir string) (*release, error) {
	r := &release{}
	if err := readJSON(filepath.Join(dir, "metadata.json"), r); err != nil {
		return nil, err
	}
	var all []binary
	if err := readJSON(filepath.Join(dir, "artifacts.json"), &all); err != nil {
		return nil, err
	}
	for _, b := range all {
		if b.Type == "Binary" && b.Goos == "linux" {
			b.Path = filepath.Join(filepath.Dir(dir), b.Path)
			r.binaries = append(r.binaries, b)
		}
	}
	if len(r.binaries) == 0 {
		return nil, fmt.Errorf("%s has no binary for Linux: run goreleaser first", dir)
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
