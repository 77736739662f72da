package layer

import (
	"archive/tar"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// listingOf returns a layer of entries, each with a name and a type.
func listingOf(t testing.TB, entries func(add func(name string, kind byte, link string))) *Listing {
	t.Helper()
	w, err := NewWriter()
	must(t, err)
	entries(func(name string, kind byte, link string) {
		w.add(EntryOf(&tar.Header{Name: name, Typeflag: kind, Linkname: link, Mode: 0o755}))
	})
	l, err := w.Listing()
	must(t, err)
	return l
}

// The time for a layer is linear in its entries, in any order and with any
// removals. Many of these layers once took quadratic time, which is minutes.
func TestLayersCostLinear(t *testing.T) {
	const n = 150_000
	files := listingOf(t, func(add func(string, byte, string)) {
		for i := range n {
			add(fmt.Sprintf("a/%07d", i), tar.TypeReg, "")
		}
	})
	for what, layers := range map[string][]*Listing{
		"two directories in turns": {listingOf(t, func(add func(string, byte, string)) {
			for i := range n {
				add(fmt.Sprintf("%c/%07d", 'a'+i%2, i), tar.TypeReg, "")
			}
		})},
		"a whiteout for each file": {files, listingOf(t, func(add func(string, byte, string)) {
			for i := range n {
				add(fmt.Sprintf("a/.wh.%07d", i), tar.TypeReg, "")
			}
		})},
		"an opaque directory": {files, listingOf(t, func(add func(string, byte, string)) {
			add("a", tar.TypeDir, "")
			add("a/"+OpaqueWhiteout, tar.TypeReg, "")
		})},
		"whiteouts in a new directory": {listingOf(t, func(add func(string, byte, string)) {
			for i := range n {
				add(fmt.Sprintf("b/.wh.%07d", i), tar.TypeReg, "")
				add(fmt.Sprintf("b/x%07d", i), tar.TypeReg, "")
			}
		})},
		"hard links from the last to the first": {files, listingOf(t, func(add func(string, byte, string)) {
			for i := range n {
				add(fmt.Sprintf("c/%07d", n-i), tar.TypeLink, fmt.Sprintf("a/%07d", i))
			}
		})},
	} {
		t.Run(what, func(t *testing.T) {
			start := time.Now()
			_, err := Stack(layers)
			must(t, err)
			if took := time.Since(start); took > 8*time.Second {
				t.Errorf("%d entries took %v", n, took)
			}
		})
	}
}

// A layer whose entries all lead through links with thousands of directories is
// refused.
func TestLinksThroughManyDirectories(t *testing.T) {
	l := listingOf(t, func(add func(string, byte, string)) {
		deep := strings.Repeat("a/", 1900)
		add(deep, tar.TypeDir, "")
		add("l0", tar.TypeSymlink, deep)
		for i := range MaxLinks - 1 {
			add(fmt.Sprintf("l%d", i+1), tar.TypeSymlink, strings.Repeat("a/../", 700)+fmt.Sprintf("l%d", i))
		}
		for i := range 200_000 {
			add(fmt.Sprintf("l%d/%d", MaxLinks-1-i%2, i), tar.TypeReg, "")
		}
	})
	start := time.Now()
	_, err := TreeOf(l, 0)
	if took := time.Since(start); !errors.Is(err, oci.ErrRefused) || took > 30*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
}
