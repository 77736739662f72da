// Package bill writes a bill of materials in CycloneDX 1.6 of the CAs that a root
// trusts. Each certificate is a cryptographic asset with the stores that hold it.
//
// The same root gives the same bytes. The format is that of
// https://cyclonedx.org/docs/1.6/json/.
package bill

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/order"
)

// Subject is the root, image or file that a bill describes.
type Subject struct {
	Name   string
	Digest string // of an image, sha256:HEX; else ""
	Kind   string // "container", "operating-system" or "file", as CycloneDX has it
}

// Bill is a bill of materials of certificates.
type Bill struct {
	of       Subject
	family   string
	held     *certs.Set          // the sources of a certificate are the stores that hold it
	recorded map[string][]string // by fingerprint, the sources that certgraft installed it from
}

// Root returns the bill of an inspected root.
func Root(of Subject, found *installer.Inspection) *Bill {
	b := &Bill{of: of, held: found.Held(), recorded: found.SourcesOf()}
	if found.Distribution != nil {
		b.family = found.Distribution.Family
	}
	return b
}

// File returns the bill of a file of certificates.
func File(name string, held *certs.Set) *Bill {
	b := &Bill{of: Subject{Name: name, Kind: "file"}, held: &certs.Set{}}
	for c := range held.All() {
		b.held.Add(c, name)
	}
	return b
}

// Encode returns the document. Version is the version of certgraft.
func (b *Bill) Encode(version string) ([]byte, error) {
	doc := &bom{
		Schema: schema, Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata: metadata{
			Tools:     tools{[]component{{Type: "application", Name: "certgraft", Version: version}}},
			Component: component{Type: b.of.Kind, Ref: "root", Name: b.of.Name, Version: b.of.Digest},
		},
		Components: b.components(),
	}
	if b.family != "" {
		doc.Metadata.Component.Properties = []property{{"certgraft:family", b.family}}
	}
	first, err := doc.encode()
	if err != nil {
		return nil, err
	}
	doc.Serial = serial(first)
	return doc.encode()
}

// schema is the JSON schema of the document.
const schema = "http://cyclonedx.org/schema/bom-1.6.schema.json"

// Start is the beginning of each document.
const Start = "{\n  \"$schema\": \"" + schema + "\""

func (b *bom) encode() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(b)
	return buf.Bytes(), err
}

// serial makes a UUID of version 8 (RFC 9562) from the content: equal bills have
// equal numbers.
func serial(content []byte) string {
	sum := sha256.Sum256(content)
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// components returns the certificates by fingerprint, and after them the signature
// algorithms that they name.
func (b *Bill) components() []component {
	all, algorithms := []component{}, map[string]bool{}
	for c := range b.held.All() {
		one := certificate(c)
		for _, store := range slices.Sorted(slices.Values(b.held.Sources(c.Fingerprint()))) {
			one.Evidence.Occurrences = append(one.Evidence.Occurrences, occurrence{store})
		}
		for _, source := range slices.Sorted(slices.Values(b.recorded[c.Fingerprint().String()])) {
			one.Properties = append(one.Properties, property{"certgraft:source", source})
		}
		algorithms[one.Crypto.Certificate.Signature] = true
		all = append(all, one)
	}
	for ref := range algorithms {
		if name, ok := strings.CutPrefix(ref, "algorithm/"); ok {
			all = append(all, component{Type: asset, Ref: ref, Name: name, Crypto: &crypto{Type: "algorithm", Algorithm: &algorithm{"signature"}}})
		}
	}
	order.Sort(all, func(a, b component) int {
		return cmp.Or(cmp.Compare(b.Crypto.Type, a.Crypto.Type), cmp.Compare(a.Ref, b.Ref))
	})
	return all
}

func certificate(c *certs.Certificate) component {
	out := component{
		Type: asset, Ref: "certificate/" + c.Fingerprint().String(), Name: cmp.Or(c.Subject(), c.Fingerprint().String()),
		Hashes: []hash{{"SHA-256", c.Fingerprint().String()}},
		Crypto: &crypto{Type: "certificate", Certificate: &certificateProperties{
			Subject: c.Subject(), Issuer: c.Issuer(), NotBefore: c.NotBefore().UTC().Format(time.RFC3339), NotAfter: c.NotAfter().UTC().Format(time.RFC3339), Format: "X.509",
		}},
		Evidence: &evidence{},
	}
	if x := c.X509(); x != nil {
		out.Crypto.Certificate.Signature = "algorithm/" + x.SignatureAlgorithm.String()
	}
	if key := c.KeyName(); key != "" {
		out.Properties = append(out.Properties, property{"certgraft:key", key})
	}
	return out
}
