package image

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// What is said of each layer is what is then done, and nothing of a layer is
// read to say it.
func TestPlan(t *testing.T) {
	r := roottest.NewRegistry(t)
	l := roottest.NewLayout(t)
	small := roottest.Tar(t, roottest.Dir("etc/"), roottest.File("etc/b", "old"))
	steps := []string{"/bin/sh -c #(nop) ADD file:1 in / ", "RUN make # buildkit", "COPY . /app # buildkit", "COPY . /usr/x # buildkit", "COPY . /srv # buildkit", "COPY . /opt/app # buildkit"}
	var history []any
	for _, by := range steps {
		history = append(history, map[string]any{"created_by": by})
	}
	layers := [][]byte{small, big(t, "x"), big(t, "app/xx"), big(t, "usr/x/xxx"), big(t, "srv/xxxx"), big(t, "opt/app/xxxxx")}
	img := roottest.Image{Packed: "gzip", Layers: layers, Config: map[string]any{"history": history, "config": map[string]any{"Cmd": []string{"/srv/run"}}}}
	arm := img
	arm.Platform = "linux/arm64"
	index, err := getFrom(t, &Locations{}, l.Tag(l.Index(roottest.OCIIndex, nil, l.Image(img), l.Image(arm), l.Image(roottest.Image{Platform: "windows/amd64"})), "x"))
	must(t, err)
	must(t, putTo(t, &Locations{}, r.Host+"/app:1", index))
	from, err := getFrom(t, &Locations{}, r.Host+"/app:1")
	must(t, err)
	cache, err := OpenCache(t.TempDir(), slog.New(slog.DiscardHandler))
	must(t, err)
	defer cache.Close()
	plan := func(scan Scan) (why []string, parts []PartPlan) {
		r.Moved()
		parts, err := Plan(t.Context(), from, Options{Scan: scan, Cache: cache})
		must(t, err)
		if _, down := r.Moved(); down > 20_000 {
			t.Errorf("%d bytes were read", down)
		}
		for _, layer := range parts[0].Layers {
			why = append(why, layer.Action+": "+layer.Why)
		}
		return why, parts
	}
	auto := []string{
		"read: it is small", "read: its step may do anything: RUN make # buildkit", "skip: it only copies to /app",
		"read: it copies to /usr/x, where stores may be", "read: it copies to /srv, which the config names", "skip: it only copies to /opt/app",
	}
	got, parts := plan(ScanAuto)
	if !slices.Equal(got, auto) {
		t.Errorf("%q", got)
	}
	if len(parts) != 3 || parts[1].Layers[0].Why != "it is read for linux/amd64" || !strings.Contains(parts[2].Left, "Windows") {
		t.Errorf("%+v", parts[1:])
	}
	if got, _ := plan(ScanAll); slices.ContainsFunc(got, func(s string) bool { return s != "read: every layer is to be read" }) {
		t.Errorf("%q", got)
	}
	result, err := Update(t.Context(), from, edit, Options{Scan: ScanAuto, Cache: cache})
	must(t, err)
	if unread := result.Parts[0].Unread; len(unread) != 2 || unread[0].Path != "/app" || unread[1].Path != "/opt/app" {
		t.Errorf("%+v", unread)
	}
	for i, want := range auto {
		if strings.HasPrefix(want, "read") {
			auto[i] = "known: it is in the cache"
		}
	}
	if got, _ := plan(ScanAuto); !slices.Equal(got, auto) {
		t.Errorf("%q", got)
	}
}
