package oci

import (
	"encoding/json"
	"strings"
	"testing"
)

// A new value gets the white space of its neighbours. The rest keeps its bytes.
func TestObject(t *testing.T) {
	const text = `{ "b":  [1, 2.50],"a":{"x":"<&>"}, "big":12345678901234567890 }`
	o, err := ParseObject([]byte(text))
	must(t, err)
	c, err := o.Child("a")
	must(t, err)
	must(t, c.Set("y", "<"))
	must(t, o.Set("a", c))
	must(t, o.Set("new", []json.RawMessage{[]byte(`{"k":1}`)}))
	if got, want := string(o.Encode()), `{ "b":  [1, 2.50],"a":{"x":"<&>", "y":  "<"}, "big":12345678901234567890,"new":  [{"k":  1}] }`; got != want {
		t.Errorf("%s", got)
	}
	o.Remove("a")
	if o.Index("a") >= 0 || strings.Contains(string(o.Encode()), "<") {
		t.Errorf("%s", o.Encode())
	}
	for _, bad := range []string{"", "[]", `{"a":1,"a":2}`, `{"a"`, `{"a":}`, "null", `{"a":1}x`, `{"a":1}{}`} {
		if _, err := ParseObject([]byte(bad)); err == nil {
			t.Errorf("%q is an object", bad)
		}
	}
}

// written is a document as encoders write it, before and after an edit.
var written = map[string][2]string{
	"Go, compact":  {`{"a":["x\u0026"],"c":{}}`, `{"a":["x\u0026","\u003cb\u003e"],"c":{"k":{"n":[1,2]}},"d":[]}`},
	"Go, indented": {"{\n  \"a\": [\n    \"x\"\n  ],\n  \"c\": {}\n}\n", "{\n  \"a\": [\n    \"x\",\n    \"<b>\"\n  ],\n  \"c\": {\n    \"k\": {\n      \"n\": [\n        1,\n        2\n      ]\n    }\n  },\n  \"d\": []\n}\n"},
	"with tabs":    {"{\n\t\"a\": [\n\t\t\"x\"\n\t],\n\t\"c\": {}\n}", "{\n\t\"a\": [\n\t\t\"x\",\n\t\t\"<b>\"\n\t],\n\t\"c\": {\n\t\t\"k\": {\n\t\t\t\"n\": [\n\t\t\t\t1,\n\t\t\t\t2\n\t\t\t]\n\t\t}\n\t},\n\t\"d\": []\n}"},
	"Python":       {`{"a": ["x"], "c": {}}`, `{"a": ["x", "<b>"], "c": {"k": {"n": [1, 2]}}, "d": []}`},
	"one member":   {`{"c": {}}`, `{"c": {"k": {"n": [1, 2]}}, "a": ["<b>"], "d": []}`},
	"Jackson":      {`{ "a" : [ "x" ], "c" : { } }`, `{ "a" : [ "x", "<b>" ], "c" : { "k" : {"n" : [1, 2]} }, "d" : [ ] }`},
	"DOS":          {"{\r\n \"a\": [ \"x\" ],\r\n \"c\": {}\r\n}\r\n", "{\r\n \"a\": [ \"x\",\"<b>\" ],\r\n \"c\": {\r\n  \"k\": {\r\n   \"n\": [\r\n    1,\r\n    2\r\n   ]\r\n  }\r\n },\r\n \"d\": []\r\n}\r\n"},
	"odd":          {"\n{\"a\":[\"x\"   ]\n,\"c\" :{ } } ", "\n{\"a\":[\"x\",\"<b>\"   ]\n,\"c\" :{ \"k\":{\"n\":[1,2]} }\n,\"d\":[ ] } "},
}

// An edited document keeps its style, and the reverse edit restores its bytes:
// a digest covers bytes.
func TestI10DocumentsAreSpliced(t *testing.T) {
	for name, doc := range written {
		o, err := ParseObject([]byte(doc[0]))
		must(t, err)
		if got := string(o.Encode()); got != doc[0] {
			t.Errorf("%s: %q is read as %q", name, doc[0], got)
		}
		addAll(t, o)
		edited := string(o.Encode())
		if edited != doc[1] {
			t.Errorf("%s:\n%s, want\n%s", name, edited, doc[1])
		}
		again, err := ParseObject([]byte(edited))
		must(t, err)
		takeAll(t, again, name != "one member")
		if got := string(again.Encode()); got != doc[0] {
			t.Errorf("%s:\n%q became\n%q", name, doc[0], got)
		}
	}
}

func addAll(t testing.TB, o *Object) {
	t.Helper()
	a, err := o.List("a")
	must(t, err)
	c, err := o.Child("c")
	must(t, err)
	must(t, a.Append("<b>"))
	must(t, c.Set("k", map[string][]int{"n": {1, 2}}))
	must(t, o.Set("a", a))
	must(t, o.Set("c", c))
	must(t, o.Set("d", []int{}))
}

func takeAll(t testing.TB, o *Object, hadList bool) {
	t.Helper()
	a, err := o.List("a")
	must(t, err)
	c, err := o.Child("c")
	must(t, err)
	a.Truncate(a.Len() - 1)
	c.Remove("k")
	must(t, o.Set("c", c))
	must(t, o.Set("a", a))
	if o.Remove("d"); !hadList {
		o.Remove("a")
	}
}

// Any document is read and written unchanged, and a value that is set in it,
// anywhere, is read back.
func FuzzObject(f *testing.F) {
	for _, doc := range written {
		f.Add([]byte(doc[0]), 1)
		f.Add([]byte(doc[1]), 0)
	}
	f.Fuzz(func(t *testing.T, data []byte, at int) {
		o, err := ParseObject(data)
		if err != nil || !json.Valid(data) {
			return
		}
		if got := string(o.Encode()); got != string(data) {
			t.Fatalf("%q is read as %q", data, got)
		}
		if o.Index("\x00new") >= 0 || o.Len() == 0 {
			return
		}
		at = min(max(at, 0), o.Len())
		must(t, o.Insert(at, "\x00new", []string{"x"}))
		edited := o.Encode()
		if !json.Valid(edited) {
			t.Fatalf("%q became %q", data, edited)
		}
		again, err := ParseObject(edited)
		must(t, err)
		if again.Remove("\x00new"); string(again.Encode()) != string(data) {
			t.Errorf("%q became %q, and then %q", data, edited, again.Encode())
		}
	})
}
