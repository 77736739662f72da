package image

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// Which lines of a history are believed: only those that cannot mean anything
// else.
func TestCopyTo(t *testing.T) {
	for line, want := range map[string]string{
		"COPY . /app # buildkit": "/app", "COPY --chown=1:1 --from=build /out/a /out/b /srv/app/ # buildkit": "/srv/app", "ADD https://x/y.tar /data # buildkit": "/data",
		"COPY x rel # buildkit": "/work/rel", "COPY x . # buildkit": "/work", "COPY / / # buildkit": "/", "COPY x ../etc # buildkit": "/etc",
		"/bin/sh -c #(nop) COPY dir:0123 in /app ": "/app", "/bin/sh -c #(nop) ADD file:0123 in / ": "/", "/bin/sh -c #(nop) COPY multi:1 in rel/ ": "/work/rel",
		"RUN /bin/sh -c make # buildkit": "", "COPY . /app": "", "/bin/sh -c cp x /app": "", `COPY ["a b","/app"] # buildkit`: "", "COPY x $DIR # buildkit": "", "COPY x /a'b # buildkit": "",
		"COPY <<EOF /app # buildkit": "", "/bin/sh -c #(nop) COPY a b in /app ": "", "COPY /app # buildkit": "", "WORKDIR /app # buildkit": "", "bazel build //x": "", "": "",
	} {
		if got := copyTo(line, "/work"); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	if got := copyTo("COPY x rel # buildkit", ""); got != "" {
		t.Errorf("relative to who knows what: %q", got)
	}
}

func TestAside(t *testing.T) {
	for to, want := range map[string]bool{
		"/app": true, "/srv/www": true, "/opt/app": true, "/home/user/app": true, "/data": true,
		"/": false, "/etc": false, "/etc/app": false, "/usr/src/app": false, "/opt": false, "/opt/java/x": false, "/var/www": false, "/lib": false, "/opt/jdk-21": false, "/app/.venv": false, "/opt/Python3": false, "/certs": false, "/app/cert": false, "/app/Certificates": false, "/srv/cacert.pem": false,
	} {
		if got := aside(to); got != want {
			t.Errorf("%s: %v", to, got)
		}
	}
}

// A layer is not read only if the history, the config and the links of the
// other layers all say that it cannot matter.
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
			for _, u := range result.Parts[0].Unread {
				got.WriteString(u.Path)
			}
			if got.String() != c.want {
				t.Errorf("unread %q, want %q", got.String(), c.want)
			}
			all, err := Update(t.Context(), img, edit, Options{})
			must(t, err)
			if all.Image.Descriptor.Digest != result.Image.Descriptor.Digest || len(all.Parts[0].Unread) > 0 {
				t.Error("reading everything comes to something else")
			}
		})
	}
}

func TestObject(t *testing.T) {
	const text = `{ "b":  [1, 2.50],"a":{"x":"<&>"}, "big":12345678901234567890 }`
	o, err := parseObject([]byte(text))
	must(t, err)
	c, err := o.child("a")
	must(t, err)
	must(t, c.set("y", "<"))
	must(t, o.set("a", c))
	must(t, o.set("new", []json.RawMessage{[]byte(`{"k": 1}`)}))
	if got, want := string(o.encode()), `{"b":[1, 2.50],"a":{"x":"<&>","y":"<"},"big":12345678901234567890,"new":[{"k": 1}]}`; got != want {
		t.Errorf("%s", got)
	}
	o.remove("a")
	if slices.Contains(o.keys, "a") || strings.Contains(string(o.encode()), "<") {
		t.Errorf("%s", o.encode())
	}
	for _, bad := range []string{"", "[]", `{"a":1,"a":2}`, `{"a"`, `{"a":}`, "null"} {
		if _, err := parseObject([]byte(bad)); err == nil {
			t.Errorf("%q is an object", bad)
		}
	}
}

// A document keeps the white space that encoders put there, and another is left
// to be as it comes.
func TestLikeWritten(t *testing.T) {
	const now = `{"a":[1,{"b":"<\u0026 "}],"c":{},"d":[]}`
	for was, want := range map[string]string{
		`{"x":1}`:                      now,
		"{\"x\":1}\n":                  now + "\n",
		"{\n  \"x\": [\n    1\n  ]\n}": "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"<\\u0026 \"\n    }\n  ],\n  \"c\": {},\n  \"d\": []\n}",
		"{\n\t\"x\": 1\n}\n":           "{\n\t\"a\": [\n\t\t1,\n\t\t{\n\t\t\t\"b\": \"<\\u0026 \"\n\t\t}\n\t],\n\t\"c\": {},\n\t\"d\": []\n}\n",
		`{"x": 1}`:                     now,
		"{\n  \"x\": [1]\n}":           now,
		"{\n":                          now,
		"":                             now,
	} {
		if got := string(likeWritten([]byte(was), []byte(now))); got != want {
			t.Errorf("%q: %q, want %q", was, got, want)
		}
	}
}

func FuzzObject(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":{"c":[]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := parseObject(data)
		if err != nil || !json.Valid(data) {
			return
		}
		var was, is any
		if json.Unmarshal(data, &was) != nil {
			return
		}
		if err := json.Unmarshal(o.encode(), &is); err != nil {
			t.Errorf("%q becomes %q: %v", data, o.encode(), err)
		}
	})
}

func FuzzLayer(f *testing.F) {
	for _, packed := range []string{"", "gzip", "zstd"} {
		f.Add(roottest.Pack(f, packed, roottest.Tar(f, roottest.Dir("etc"), roottest.File("etc/x", "x"), roottest.Hard("y", "etc/x"), roottest.File("etc/.wh.z", ""))))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := Descriptor{MediaType: ociLayer, Digest: digestOf(data), Size: int64(len(data))}
		r := layerReader{keep: func(string) bool { return true }, max: 1 << 22}
		l, err := r.read(t.Context(), strings.NewReader(string(data)), d)
		if err != nil {
			return
		}
		if _, err := stackLayers([]*layer{l, l}); err != nil {
			return
		}
		again, err := openLayer(l.packed)
		must(t, err)
		same, err := l.with(nil)
		must(t, err)
		if !reflect.DeepEqual(again, l) || !reflect.DeepEqual(same, l) {
			t.Error("the cache keeps something else")
		}
	})
}

// FuzzFacts: whatever a cache holds is read or refused.
func FuzzFacts(f *testing.F) {
	w, err := newFactsWriter()
	must(f, err)
	w.add(&entry{Name: "etc/x", attrs: attrs{Type: '0', Size: 3, Kept: true, More: &extra{Data: []byte("abc"), Xattrs: map[string]string{"a": "b"}}}})
	l, err := w.layer()
	must(f, err)
	plain, err := unpack(bytes.NewReader(l.packed), "")
	must(f, err)
	data, err := io.ReadAll(plain)
	must(f, err)
	f.Add(data)
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, data []byte) {
		packed := roottest.Pack(t, "zstd", data)
		if l, err := openLayer(packed); err == nil {
			_, err := l.with(map[int32][]byte{0: nil})
			must(t, err)
			_, _ = treeOf(l, 0)
		}
		_, _ = openLayer(data)
	})
}
