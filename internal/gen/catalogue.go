package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/format"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/certs"
)

// catalogueFiles are made from the catalogue, and from the certificates beside it.
func catalogueFiles(dir string) (map[string][]byte, error) {
	providers, err := readCatalogue(filepath.Join(dir, "bundles/catalog.json"))
	if err != nil {
		return nil, err
	}
	source, err := goSource(providers)
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
	distrust, err := distrustSource(date, lists)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"bundles/catalog_data.go": source, "bundles/distrust_data.go": distrust, "bundles/snapshots/certificates.der": der,
		"docs/distrust.md": []byte(distrustPage(date, lists)),
	}, nil
}

// readCatalogue returns the entries of a catalogue file. What is in them is
// looked at by the tests of package bundles.
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

// snapshotOf returns the certificates of a PEM file in DER, one behind the other.
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

// goSource writes the catalogue as Go data, since decoding JSON takes longer than
// the rest of a run of the program.
func goSource(providers []*bundles.Provider) ([]byte, error) {
	var b strings.Builder
	b.WriteString("// Code generated from catalog.json by go run ./internal/gen. DO NOT EDIT.\n\npackage bundles\n\n" +
		"// builtin returns the catalogue in this program, by id.\nfunc builtin() []*Provider {\n\treturn []*Provider{\n")
	for _, p := range providers {
		b.WriteString(literal(reflect.ValueOf(*p)) + ",\n")
	}
	b.WriteString("}\n}\n")
	return format.Source([]byte(b.String()))
}

// readDistrust returns the lists of distrusted CAs, and when they were checked.
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

// distrustSource writes the lists as Go data.
func distrustSource(date string, lists []*bundles.Distrust) ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "// Code generated from distrust.json by go run ./internal/gen. DO NOT EDIT.\n\npackage bundles\n\n"+
		"// builtinDistrust returns the lists in this program, and when they were checked.\nfunc builtinDistrust() (string, []*Distrust) {\n\treturn %q, []*Distrust{\n", date)
	for _, l := range lists {
		b.WriteString(literal(reflect.ValueOf(*l)) + ",\n")
	}
	b.WriteString("}\n}\n")
	return format.Source([]byte(b.String()))
}

// literal writes v as an element of a composite literal: without its type, and
// without fields that are zero.
func literal(v reflect.Value) string {
	var parts []string
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() {
				parts = append(parts, v.Type().Field(i).Name+": "+typeName(f.Type())+literal(f))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			parts = append(parts, literal(v.Index(i)))
		}
		if v.Type().Elem().Kind() == reflect.Struct {
			return "{\n" + strings.Join(parts, ",\n") + ",\n}"
		}
	case reflect.Map:
		for _, key := range slices.Sorted(maps.Keys(v.Interface().(map[string][]string))) {
			parts = append(parts, fmt.Sprintf("%q: %s", key, literal(v.MapIndex(reflect.ValueOf(key)))))
		}
	default:
		return fmt.Sprintf("%#v", v.Interface())
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// typeName is the type of a composite literal, "" for other values.
func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct, reflect.Slice, reflect.Map:
		return strings.ReplaceAll(t.String(), "bundles.", "")
	}
	return ""
}
