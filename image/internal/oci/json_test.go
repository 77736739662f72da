package oci

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestObject(t *testing.T) {
	const text = `{ "b":  [1, 2.50],"a":{"x":"<&>"}, "big":12345678901234567890 }`
	o, err := ParseObject([]byte(text))
	must(t, err)
	c, err := o.Child("a")
	must(t, err)
	must(t, c.Set("y", "<"))
	must(t, o.Set("a", c))
	must(t, o.Set("new", []json.RawMessage{[]byte(`{"k": 1}`)}))
	if got, want := string(o.Encode()), `{"b":[1, 2.50],"a":{"x":"<&>","y":"<"},"big":12345678901234567890,"new":[{"k": 1}]}`; got != want {
		t.Errorf("%s", got)
	}
	o.Remove("a")
	if slices.Contains(o.Keys, "a") || strings.Contains(string(o.Encode()), "<") {
		t.Errorf("%s", o.Encode())
	}
	for _, bad := range []string{"", "[]", `{"a":1,"a":2}`, `{"a"`, `{"a":}`, "null"} {
		if _, err := ParseObject([]byte(bad)); err == nil {
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
		if got := string(LikeWritten([]byte(was), []byte(now))); got != want {
			t.Errorf("%q: %q, want %q", was, got, want)
		}
	}
}

func FuzzObject(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":{"c":[]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := ParseObject(data)
		if err != nil || !json.Valid(data) {
			return
		}
		var was, is any
		if json.Unmarshal(data, &was) != nil {
			return
		}
		if err := json.Unmarshal(o.Encode(), &is); err != nil {
			t.Errorf("%q becomes %q: %v", data, o.Encode(), err)
		}
	})
}
