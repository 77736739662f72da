package image

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// The plan for each layer matches the later update, and planning reads no
// layer.
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
			why = append(why, string(layer.Action)+": "+layer.Why)
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
	if got, _ := plan(ScanAll); slices.ContainsFunc(got, func(s string) bool { return s != "read: every layer must be read" }) {
		t.Errorf("%q", got)
	}
	result, err := Update(t.Context(), from, edit, Options{Scan: ScanAuto, Cache: cache})
	must(t, err)
	if unread := result.Parts[0].Skipped; len(unread) != 2 || unread[0].Path != "/app" || unread[1].Path != "/opt/app" {
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

// A layer is skipped only if the history, the config and the links of the other
// layers all show that it cannot matter.
func TestScanAuto(t *testing.T) {
	etc := roottest.Tar(t, roottest.Dir("etc/"), roottest.File("etc/b", "old"), roottest.Dir("usr/bin/"), roottest.File("usr/bin/python3", ""), roottest.Link("usr/bin/python3.12", "python3"))
	linked := roottest.Tar(t, roottest.Dir("etc/"), roottest.Link("app", "etc"))
	add, app, workdir := "/bin/sh -c #(nop) ADD file:1 in / ", "COPY . /app # buildkit", map[string]any{"created_by": "WORKDIR /srv", "empty_layer": true}
	step := func(by string) map[string]any { return map[string]any{"created_by": by} }
	for what, c := range map[string]struct {
		lower   []byte
		history []any
		config  map[string]any
		want    string
	}{
		"copied aside":              {etc, []any{step(add), step(app)}, nil, "/app"},
		"relative":                  {etc, []any{step(add), workdir, step("COPY . x # buildkit")}, nil, "/srv/x"},
		"run":                       {etc, []any{step(add), step("RUN make # buildkit")}, nil, ""},
		"to the root":               {etc, []any{step(add), step("COPY . / # buildkit")}, nil, ""},
		"another builder":           {etc, []any{step(add), step("COPY . /app")}, nil, ""},
		"no history":                {etc, nil, nil, ""},
		"history of another image":  {etc, []any{step(add), step(app), step(app)}, nil, ""},
		"a link leads elsewhere":    {linked, []any{step(add), step(app)}, nil, ""},
		"the entrypoint is in it":   {etc, []any{step(add), step(app)}, map[string]any{"Entrypoint": []string{"/app/run"}}, ""},
		"the command is in it":      {etc, []any{step(add), step(app)}, map[string]any{"Cmd": []string{"sh", "/app/run"}}, ""},
		"PATH leads into it":        {etc, []any{step(add), step(app)}, map[string]any{"Env": []string{"PATH=/bin:/app/bin"}}, ""},
		"a bundle is in it":         {etc, []any{step(add), step(app)}, map[string]any{"Env": []string{"SSL_CERT_FILE=/app/ca.pem"}}, ""},
		"java is somewhere":         {etc, []any{step(add), step(app)}, map[string]any{"Cmd": []string{"java"}, "Env": []string{"PATH=/usr/bin"}}, ""},
		"python is where PATH says": {etc, []any{step(add), step(app)}, map[string]any{"Cmd": []string{"python3"}, "Env": []string{"PATH=/usr/bin"}}, "/app"},
		"a shell starts it":         {etc, []any{step(add), step(app)}, map[string]any{"Cmd": []string{"/bin/sh", "-c", "cd /; exec /app/rt/bin/java -jar x"}}, ""},
		"a property is in it":       {etc, []any{step(add), step(app)}, map[string]any{"Cmd": []string{"run", "-Djavax.net.ssl.trustStore=/app/store"}}, ""},
		"a variable leads into it":  {etc, []any{step(add), step(app)}, map[string]any{"Cmd": []string{"/bin/sh", "-c", "exec ${HOME}/run"}, "Env": []string{"HOME=/app"}}, ""},
		"a shell starts java":       {etc, []any{step(add), step(app)}, map[string]any{"Cmd": []string{"/bin/sh", "-c", "A=1 java -jar /x.jar"}, "Env": []string{"PATH=/usr/bin"}}, ""},
		"java by way of a link":     {roottest.Tar(t, roottest.Dir("etc/"), roottest.File("etc/b", ""), roottest.Link("usr/bin/java", "/app/rt/bin/java")), []any{step(add), step(app)}, map[string]any{"Cmd": []string{"java"}, "Env": []string{"PATH=/usr/bin"}}, ""},
		"java from where it works":  {etc, []any{step(add), step(app)}, map[string]any{"Cmd": []string{"bin/java"}, "WorkingDir": "/app"}, ""},
		"a shell starts python":     {etc, []any{step(add), step(app)}, map[string]any{"Cmd": []string{"/bin/sh", "-c", "exec python3 -m python_tool java.jar"}, "Env": []string{"PATH=/usr/bin"}}, "/app"},
		"python by its path":        {etc, []any{step(add), step(app)}, map[string]any{"Cmd": []string{"$P/python3.12"}, "Env": []string{"P=/usr/bin"}}, "/app"},
		"another program":           {etc, []any{step(add), step(app)}, map[string]any{"Cmd": []string{"./run", "--title", "our /application"}, "WorkingDir": "/app"}, "/app"},
		"another variable":          {etc, []any{step(add), step(app)}, map[string]any{"Env": []string{"HOME=/app"}}, "/app"},
	} {
		t.Run(what, func(t *testing.T) {
			l := roottest.NewLayout(t)
			config := map[string]any{"config": c.config}
			if c.history != nil {
				config["history"] = c.history
			}
			img, err := getFrom(t, &Locations{}, l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{c.lower, big(t, "app/x")}, Config: config}), "x"))
			must(t, err)
			result, err := Update(t.Context(), img, edit, Options{Scan: ScanAuto})
			must(t, err)
			var got strings.Builder
			for _, u := range result.Parts[0].Skipped {
				got.WriteString(u.Path)
			}
			if got.String() != c.want {
				t.Errorf("unread %q, want %q", got.String(), c.want)
			}
			all, err := Update(t.Context(), img, edit, Options{})
			must(t, err)
			if all.Image.Descriptor.Digest != result.Image.Descriptor.Digest || len(all.Parts[0].Skipped) > 0 {
				t.Error("reading everything comes to something else")
			}
		})
	}
}
