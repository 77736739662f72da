package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/lines"
)

// catalogueFiles makes the files from the catalogue and the certificates beside
// it.
func catalogueFiles(dir string) (map[string][]byte, error) {
	providers, err := readCatalogue(filepath.Join(dir, "bundles/catalog.json"))
	if err != nil {
		return nil, err
	}
	catalogue, err := lines.Marshal(providers)
	if err != nil {
		return nil, err
	}
	der, err := snapshotOf(filepath.Join(dir, "bundles/snapshots/certificates.pem"))
	if err != nil {
		return nil, err
	}
	date, lists, err := readDistrust(filepath.Join(dir, "bundles/distrust.json"))
	if err != nil {
		return nil, err
	}
	distrust, err := lines.Marshal(struct {
		Date  string
		Lists []*bundles.Distrust
	}{date, lists})
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"bundles/catalog.lines": catalogue, "bundles/distrust.lines": distrust, "bundles/snapshots/certificates.der": der,
		"docs/distrust.md": []byte(distrustPage(date, lists)),
	}, nil
}

// readCatalogue returns the entries of a catalogue file. The tests of package
// bundles check the entries.
func readCatalogue(name string) ([]*bundles.Provider, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var file struct {
		Version   int                 `json:"version"`
		Providers []*bundles.Provider `json:"providers"`
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	err = dec.Decode(&file)
	return file.Providers, err
}

// snapshotOf returns the certificates of a PEM file in DER, joined.
func snapshotOf(name string) (der []byte, err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	for c, err := range certs.Parse(data) {
		if err != nil {
			return nil, err
		}
		der = append(der, c.Raw...)
	}
	return der, nil
}

// readDistrust returns the lists of distrusted CAs, and the date of their last
// check.
func readDistrust(name string) (date string, lists []*bundles.Distrust, err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return "", nil, err
	}
	var file struct {
		Version int                 `json:"version"`
		Date    string              `json:"date"`
		Lists   []*bundles.Distrust `json:"lists"`
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	err = dec.Decode(&file)
	return file.Date, file.Lists, err
}
