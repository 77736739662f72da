package browser

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/rootfs"
)

// Databases of NSS are named wherever they are.
func TestR12Databases(t *testing.T) {
	file := &fstest.MapFile{Mode: 0o644}
	tree := fstest.MapFS{
		"home/u/.pki/nssdb/cert9.db": file, "root/.local/share/pki/nssdb/cert9.db": file, "home/u/.mozilla/firefox/x1.default/cert9.db": file,
		"home/u/.mozilla/firefox/profiles.ini": file, "etc/pki/nssdb/cert8.db": file,
	}
	var got []string
	for _, d := range Databases(rootfs.NewOverlay(tree)) {
		got = append(got, d.Path+" "+d.Whom)
	}
	want := []string{
		"/home/u/.pki/nssdb Chromium, Chrome and Electron", "/root/.local/share/pki/nssdb Chromium and Chrome from 146 on",
		"/home/u/.mozilla/firefox/x1.default Firefox",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}
