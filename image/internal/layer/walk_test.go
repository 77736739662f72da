package layer

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// endless repeats a block without end.
type endless struct {
	block []byte
	at    int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.block[e.at:])
	e.at = (e.at + n) % len(e.block)
	return n, nil
}

// An archive of endless headers, which compress to almost nothing, is refused:
// the memory for headers is bounded.
func TestArchiveWithoutEnd(t *testing.T) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	name := strings.Repeat("a/", 2000) + "x"
	if err := errors.Join(w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg}), w.Flush()); err != nil {
		t.Fatal(err)
	}
	const bound = MaxHeaders / 64
	seen, most := 0, bound/len(name)
	_, err := walkEntries(&endless{block: buf.Bytes()}, bound, func(int, *tar.Header, io.Reader) (bool, error) {
		seen++
		return seen <= most, nil
	})
	if !errors.Is(err, ErrTooManyNames) {
		t.Errorf("%v after %d entries", err, seen)
	}
}

// A layer of over a million entries is refused by their number. A layer of a
// million is read.
func TestEntriesAreBounded(t *testing.T) {
	var buf bytes.Buffer
	must(t, tar.NewWriter(&buf).WriteHeader(&tar.Header{Name: "a", Typeflag: tar.TypeReg, Mode: 0o644, Format: tar.FormatUSTAR}))
	seen := 0
	_, err := walkEntries(&endless{block: buf.Bytes()}, MaxHeaders, func(int, *tar.Header, io.Reader) (bool, error) {
		seen++
		return true, nil
	})
	if !errors.Is(err, oci.ErrRefused) || !strings.Contains(err.Error(), "more than 1000000 entries") || seen != 1_000_000 {
		t.Errorf("%d entries: %v", seen, err)
	}
}

// Headers without an entry count too: they take as much memory.
func TestGlobalHeadersAreBounded(t *testing.T) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	must(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x"}}))
	must(t, w.Flush())
	_, err := walkEntries(io.LimitReader(&endless{block: buf.Bytes()}, int64(buf.Len())*(maxEntries+10)), MaxHeaders, func(int, *tar.Header, io.Reader) (bool, error) {
		return true, errors.New("there is no entry")
	})
	if !errors.Is(err, errTooManyEntries) {
		t.Errorf("%v", err)
	}
}
