package readers

import (
	"io/fs"
	"maps"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/certgraft/certgraft/internal/cases"
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/rootfs"
)

// rootOf returns a Debian root with the files of a store.
func rootOf(s cases.Store) *rootfs.Overlay {
	link := func(to string) *fstest.MapFile {
		return &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte(to)}
	}
	tree := fstest.MapFS{
		"etc/ssl/certs":                            {Mode: fs.ModeDir | 0o755},
		"usr/lib/ssl/certs":                        link("/etc/ssl/certs"),
		"usr/lib/ssl/cert.pem":                     link("/etc/ssl/certs/ca-certificates.crt"),
		"usr/lib/jvm/java-21/lib/security/cacerts": link("/etc/ssl/certs/java/cacerts"),
		"root/.postgresql/root.crt":                link("/etc/ssl/certs/ca-certificates.crt"),
	}
	for name, data := range s.Files {
		tree[name] = &fstest.MapFile{Mode: 0o644, Data: []byte(data)}
	}
	for name, to := range s.Links {
		tree[name] = link(to)
	}
	return rootfs.NewOverlay(tree)
}

// homes are the places of a test's instances.
var homes = map[string]string{"java": "usr/lib/jvm/java-21", "requests": "usr/lib/python3/dist-packages/requests", "httpx": "usr/lib/python3/dist-packages/httpx"}

// Each reader loads from each store what its real client loaded.
func TestStores(t *testing.T) {
	clients, cells := measured(t, "stores.tsv")
	servers, stores := cases.Stores(t, time.Now())
	for _, s := range stores {
		for _, client := range clients {
			cell := cells[s.ID][client]
			if cell == "" {
				continue // the client was not run, because it does not read such a store
			}
			id, release, _ := strings.Cut(client, "/")
			if got := loaded(t, s, servers, id, release); got != cell {
				t.Errorf("%s of %s: the client trusts %s, the rules load %s", s.ID, client, cell, got)
			}
		}
	}
}

// loaded names the servers, a or b, whose CA an instance trusts.
func loaded(t testing.TB, s cases.Store, servers []cases.Chain, id, release string) string {
	t.Helper()
	at := map[string]string{}
	maps.Copy(at, s.Env)
	i := instance(t, rootOf(s), at, id, release)
	held, damage := i.Load()
	out := ""
	for _, want := range []string{"a", "b"} {
		for _, server := range servers {
			if server.ID == want && held.Has(parsed(t, server.Trust)[0].Fingerprint()) {
				out += want
			}
		}
	}
	if out == "" {
		out = "-"
	}
	for _, d := range damage {
		if d.Path == "" || d.Why == "" {
			t.Errorf("%s of %s: a damage without a path or a reason: %+v", s.ID, id, d)
		}
	}
	return out
}

func instance(t testing.TB, root *rootfs.Overlay, environ map[string]string, id, release string) Instance {
	t.Helper()
	home := "usr/bin/" + id
	if at, ok := homes[id]; ok {
		home = at
	}
	for _, r := range table {
		if r.id == id {
			return r.instance(newFiles(root, pemfile.NewReader()), where{home, environ}, release)
		}
	}
	t.Fatalf("%s is no reader", id)
	return Instance{}
}
