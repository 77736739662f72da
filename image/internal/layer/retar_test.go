package layer

import (
	"archive/tar"
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// oddArchive is an archive with everything that a reader could lose: a global
// header, unknown records, names that need extensions of both kinds, a sparse
// file and bytes after the end. It returns the start of each entry.
func oddArchive(t *testing.T) (data []byte, starts []int) {
	t.Helper()
	var buf bytes.Buffer
	long := strings.Repeat("d/", 80)
	for _, e := range []tar.Header{
		{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"X.all": "1"}},
		{Name: "./etc/", Typeflag: tar.TypeDir, Mode: 0o755, Format: tar.FormatUSTAR},
		{Name: "etc/a", Typeflag: tar.TypeReg, Mode: 0o644, Size: 700, Format: tar.FormatPAX, PAXRecords: map[string]string{"VENDOR.x": "y"}},
		{Name: long + "gnu", Typeflag: tar.TypeReg, Mode: 0o644, Size: 512, Format: tar.FormatGNU},
		{Name: "etc/b", Typeflag: tar.TypeReg, Mode: 0o644, Size: 1, Uname: "someone"},
		{Name: long + "pax", Typeflag: tar.TypeSymlink, Linkname: long, Format: tar.FormatPAX},
	} {
		if e.Typeflag != tar.TypeXGlobalHeader {
			starts = append(starts, buf.Len())
		}
		w := tar.NewWriter(&buf)
		must(t, w.WriteHeader(&e))
		_, err := w.Write(bytes.Repeat([]byte{'x'}, int(e.Size)))
		must(t, err)
		must(t, w.Flush())
	}
	starts = append(starts, buf.Len())
	buf.Write(sparse(t))
	starts = append(starts, buf.Len())
	buf.Write(make([]byte, 1024))
	buf.WriteString("behind the end")
	return buf.Bytes(), starts
}

// sparse is an entry of a file with a hole, as GNU tar writes it: 600 bytes of
// data in 100,000.
func sparse(t *testing.T) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	must(t, w.WriteHeader(&tar.Header{Name: "etc/sparse", Typeflag: tar.TypeReg, Mode: 0o644, Size: 600, Format: tar.FormatGNU}))
	block := buf.Bytes()[:512]
	block[156] = tar.TypeGNUSparse
	copy(block[386:], "00000000000\x0000000001130\x00") // at 0, 600 bytes
	copy(block[483:], "00000303240\x00")                // of 100000
	copy(block[148:], "        ")
	sum := 0
	for _, b := range block {
		sum += int(b)
	}
	copy(block[148:], []byte{byte('0' + sum>>15&7), byte('0' + sum>>12&7), byte('0' + sum>>9&7), byte('0' + sum>>6&7), byte('0' + sum>>3&7), byte('0' + sum&7), 0, ' '})
	return append(bytes.Clone(block), append(bytes.Repeat([]byte{'s'}, 600), make([]byte, 424)...)...)
}

// An unedited entry keeps its bytes, whatever it is.
func TestRetarKeepsTheRest(t *testing.T) {
	data, starts := oddArchive(t)
	ends := slices.Clone(starts[1:])
	edited := func(edit *Edit) []byte {
		var out bytes.Buffer
		must(t, retar(&out, bytes.NewReader(data), edit))
		return out.Bytes()
	}
	if !bytes.Equal(edited(&Edit{}), data) {
		t.Error("without an edit it differs")
	}
	replacement := roottest.Tar(t, roottest.File("new", "content"))
	replacement = replacement[:len(replacement)-1024]
	made := &Made{&tar.Header{Name: "new", Typeflag: tar.TypeReg, Mode: 0o644, Size: 7}, []byte("content")}
	for i := range 6 {
		without := append(bytes.Clone(data[:starts[i]]), data[ends[i]:]...)
		if !bytes.Equal(edited(&Edit{Instead: map[int]*Made{i: nil}}), without) {
			t.Errorf("without entry %d", i)
		}
		replaced := append(append(bytes.Clone(data[:starts[i]]), replacement...), data[ends[i]:]...)
		if !bytes.Equal(edited(&Edit{Instead: map[int]*Made{i: made}}), replaced) {
			t.Errorf("entry %d replaced", i)
		}
	}
	end := starts[len(starts)-1]
	more := append(append(bytes.Clone(data[:end]), replacement...), data[end:]...)
	if !bytes.Equal(edited(&Edit{Added: []Made{*made}}), more) {
		t.Error("with one more")
	}
	var out bytes.Buffer
	must(t, retar(&out, bytes.NewReader(nil), &Edit{Added: []Made{*made}}))
	if !bytes.Equal(out.Bytes(), append(replacement, make([]byte, 1024)...)) {
		t.Error("an archive without an end gets none")
	}
	if err := retar(&out, bytes.NewReader(data[:starts[1]+1536+100]), &Edit{}); err == nil {
		t.Error("a cut archive is taken")
	}
}
