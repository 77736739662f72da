// Snapshot writes snapshots/certificates.pem and certificates.der. Both hold the
// known certificates of the catalogue; the program embeds the second.
//
//	go run ./internal/snapshot            download every bundle of the catalogue
//	go run ./internal/snapshot DIR…       take them from unpacked packages
//
// A certificate must have its fingerprint in the catalogue. Others that upstream
// has are listed: check them, and add them to the catalogue by hand. Public roots
// are left out: the program has golang.org/x/crypto/x509roots.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/certs"
)

const (
	output   = "snapshots/certificates.pem"
	embedded = "snapshots/certificates.der"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "snapshot:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dirs []string, log io.Writer) error {
	catalogue, err := bundles.Catalog(ctx, bundles.Options{})
	if err != nil {
		return err
	}
	found := &certs.Set{}
	if err := readOld(found); err != nil {
		return err
	}
	if len(dirs) == 0 {
		err = download(ctx, catalogue, found, log)
	}
	for _, dir := range dirs {
		err = cmp.Or(err, scan(dir, found))
	}
	var text, der []byte
	for _, c := range wanted(catalogue, found, log) {
		text = append(text, "# "+c.Name()+"\n"...)
		text = c.AppendPEM(text)
		der = append(der, c.Raw...)
	}
	return errors.Join(err, os.WriteFile(output, text, 0o644), os.WriteFile(embedded, der, 0o644))
}

// readOld keeps the certificates of earlier runs: a package may have dropped
// some.
func readOld(found *certs.Set) error {
	old, err := os.ReadFile(output)
	if err != nil {
		return err
	}
	for c, err := range certs.Parse(old) {
		if err != nil {
			return err
		}
		found.Add(c, "")
	}
	return nil
}

// download adds the certificates of the publishers. A failed download is in the
// error, and the others go on.
func download(ctx context.Context, catalogue *bundles.Catalogue, found *certs.Set, log io.Writer) error {
	var errs []error
	for p := range catalogue.All() {
		if p.Kind != bundles.Static || len(p.URLs) == 0 {
			continue
		}
		loaded, err := bundles.Load(ctx, bundles.Options{NoFallback: true}, p.ID)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, w := range loaded[0].Warnings {
			fmt.Fprintf(log, "%s: %s\n", p.ID, w)
		}
		for c := range loaded[0].Certs.All() {
			found.Add(c, "")
		}
	}
	return errors.Join(errs...)
}

// scan reads every file below dir, in any certificate format.
func scan(dir string, found *certs.Set) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := root.ReadFile(name)
		if err != nil {
			return err
		}
		for c := range certs.Parse(concatenation.ReplaceAll(data, nil)) {
			if c != nil {
				found.Add(c, "")
			}
		}
		return nil
	})
}

// concatenation matches the text between the lines of a certificate that
// JavaScript code writes as a sum of strings.
var concatenation = regexp.MustCompile(`' \+\s+'`)

// wanted returns the certificates for the file, by name.
func wanted(catalogue *bundles.Catalogue, found *certs.Set, log io.Writer) []*certs.Certificate {
	public := map[certs.Fingerprint]bool{}
	for root := range bundle.Roots() {
		if c, err := certs.ParseCertificate(root.Certificate); err == nil {
			public[c.Fingerprint()] = true
		}
	}
	keep := map[certs.Fingerprint]*certs.Certificate{}
	for p := range catalogue.All() {
		missing := 0
		for _, k := range p.Known {
			f, err := certs.ParseFingerprint(k.SHA256)
			if c := found.Get(f); err == nil && c != nil && !public[f] {
				keep[f] = c
			} else if !public[f] {
				missing++
			}
		}
		fmt.Fprintf(log, "%s: %d known, %d of them not found\n", p.ID, len(p.Known), missing)
	}
	return slices.SortedFunc(maps.Values(keep), func(a, b *certs.Certificate) int {
		return cmp.Or(cmp.Compare(a.Subject(), b.Subject()), cmp.Compare(a.Fingerprint().String(), b.Fingerprint().String()))
	})
}
