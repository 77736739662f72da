package installer

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/certgraft/certgraft/certs"
)

// pemFile is a bundle taken apart: the blocks of certificates and the text
// around each.
type pemFile struct {
	data   []byte
	blocks []certs.Block
}

func readPEM(data []byte) pemFile {
	f := pemFile{data: data}
	for b := range certs.Blocks(data) {
		f.blocks = append(f.blocks, b)
	}
	return f
}

// certificates returns what the file holds.
func (f pemFile) certificates() *certs.Set {
	set := &certs.Set{}
	for _, b := range f.blocks {
		if b.Certificate != nil {
			set.Add(b.Certificate, "")
		}
	}
	return set
}

// poisoned reports whether strict readers lose the whole file because of b.
func poisoned(b certs.Block) bool {
	return b.Finding != nil && b.Finding.Verdict == certs.Skipped && !strings.HasPrefix(b.Finding.Reason, "not a certificate")
}

// A cut is a piece that was taken out of a file, and where it stood in the
// file as it was.
type cut struct {
	Offset int    `json:"offset"`
	Text   string `json:"text"`
}

// heal returns the file without the blocks that strict readers cannot pass, and
// what was taken out.
func (f pemFile) heal() (healed []byte, cuts []cut, reasons []string) {
	at := 0
	for _, b := range f.blocks {
		if !poisoned(b) {
			continue
		}
		healed = append(healed, f.data[at:b.Start]...)
		cuts = append(cuts, cut{Offset: b.Start, Text: string(f.data[b.Start:b.End])})
		reasons = append(reasons, b.Finding.Error())
		at = b.End
	}
	return append(healed, f.data[at:]...), cuts, reasons
}

// unheal puts cuts back into a file from which nothing else is missing.
func unheal(data []byte, cuts []cut) []byte {
	for _, c := range cuts {
		if c.Offset > len(data) {
			return data // someone else changed the file: its damage stays out
		}
		data = bytes.Join([][]byte{data[:c.Offset], []byte(c.Text), data[c.Offset:]}, nil)
	}
	return data
}

// without returns the file without the certificates in gone, as this program
// writes them: what others wrote stays. Each goes with the separator that
// follows it.
func (f pemFile) without(gone *certs.Set, separator string) []byte {
	var out []byte
	at := 0
	for _, b := range f.blocks {
		if b.Certificate == nil || !gone.Has(b.Certificate.Fingerprint()) || b.Start < at {
			continue
		}
		ours := b.Certificate.AppendPEM(nil)
		if !bytes.Equal(f.data[b.Start:b.End], ours) {
			continue
		}
		out = append(out, f.data[at:b.Start]...)
		at = b.End
		if separator != "" && bytes.HasPrefix(f.data[at:], []byte(separator)) {
			at += len(separator)
		}
	}
	return append(out, f.data[at:]...)
}

// missingFrom checks a bundle by another reader than the one that it was edited
// with, and returns the certificates of want that it does not hold.
func missingFrom(data []byte, want *certs.Set) []*certs.Certificate {
	held := map[string]bool{}
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" && len(block.Headers) == 0 {
			held[string(block.Bytes)] = true
		}
	}
	var missing []*certs.Certificate
	for c := range want.All() {
		if !held[string(c.Raw)] {
			missing = append(missing, c)
		}
	}
	return missing
}

// verify is the error of a bundle that does not hold what was written into it.
func verify(path string, data []byte, want *certs.Set) error {
	missing := missingFrom(data, want)
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%s was edited and does not hold %s: nothing was changed; please report this", path, missing[0].Subject())
}
