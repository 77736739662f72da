package browser

import (
	"slices"
	"strings"
	"testing"
)

var (
	chromiums = []string{"CACertificates"}
	firefoxes = []string{"policies", "Certificates", "Install"}
)

// Adding entries and deleting them restores every byte.
func TestAppendAndDelete(t *testing.T) {
	for _, test := range []struct {
		kind     Kind
		path     []string
		was, now string
	}{
		{Chromium, chromiums, `{}`, "{\n  \"CACertificates\": [\n    \"x\",\n    \"y\"\n  ]}"},
		{Chromium, chromiums, "{ /* none */ }\n", "{\n  \"CACertificates\": [\n    \"x\",\n    \"y\"\n  ] /* none */ }\n"},
		{Chromium, chromiums, "\ufeff{\n\t\"A\": 1\n}\n", "\ufeff{\n\t\"A\": 1,\n\t\"CACertificates\": [\n\t\t\"x\",\n\t\t\"y\"\n\t]\n}\n"},
		{Chromium, chromiums, `{"A":{"B":[1,2]}}`, `{"A":{"B":[1,2]},"CACertificates": ["x","y"]}`},
		{Chromium, chromiums, `{"CACertificates":[]}`, `{"CACertificates":["x","y"]}`},
		{Chromium, chromiums, `{"CACertificates":[ ],}`, `{"CACertificates":["x","y" ],}`},
		{Chromium, chromiums, `{"CACertificates":["a", "b"]}`, `{"CACertificates":["a", "b", "x", "y"]}`},
		{Chromium, chromiums, "{\n // ours\n \"CACertificates\": [\n  \"a\", // one\n ],\n}", "{\n // ours\n \"CACertificates\": [\n  \"a\",\n  \"x\",\n  \"y\", // one\n ],\n}"},
		{Chromium, chromiums, `{"CACertificates":["old"],"CACertificates":["a"]}`, `{"CACertificates":["old"],"CACertificates":["a","x","y"]}`},
		{Firefox, firefoxes, `{"policies":{}}`, "{\"policies\":{\n  \"Certificates\": {\n    \"Install\": [\n      \"x\",\n      \"y\"\n    ]\n  }}}"},
		{Firefox, firefoxes, `{"policies":{"Certificates":{"ImportEnterpriseRoots":true}}}`, `{"policies":{"Certificates":{"ImportEnterpriseRoots":true,"Install": ["x","y"]}}}`},
		{Firefox, firefoxes, `{"policies":{"Certificates":{"Install":["a.pem"]},"B\"":"\\"}}`, `{"policies":{"Certificates":{"Install":["a.pem","x","y"]},"B\"":"\\"}}`},
	} {
		p, err := Open([]byte(test.was), test.kind)
		if err != nil {
			t.Errorf("%s: %v", test.was, err)
			continue
		}
		before, _, _ := p.List(test.path...)
		made, err := p.Append([]string{"x", "y"}, test.path...)
		if string(p.Bytes()) != test.now || err != nil {
			t.Errorf("%s became\n%s\nwant\n%s %v", test.was, p.Bytes(), test.now, err)
		}
		if now, ok, err := p.List(test.path...); !ok || err != nil || !slices.Equal(now, append(before, "x", "y")) {
			t.Errorf("%s: %q %v %v", test.was, now, ok, err)
		}
		n := len(before)
		if err := p.Delete([]int{n, n + 1}, made, test.path...); string(p.Bytes()) != test.was || err != nil {
			t.Errorf("%s came back as\n%s %v", test.was, p.Bytes(), err)
		}
	}
}

// An entry that someone else added to a list of ours stays, and so does the list.
func TestDeleteBetween(t *testing.T) {
	for _, test := range []struct{ was, now string }{
		{`{"CACertificates": ["x", "a", "y"]}`, `{"CACertificates": ["a"]}`},
		{`{"CACertificates": ["x", "y", "a"]}`, `{"CACertificates": ["a"]}`},
		{`{"CACertificates": [1, "y", "x", "a"]}`, `{"CACertificates": [1, "a"]}`},
		{`{"CACertificates": ["x", "y"], "B": {}}`, `{"B": {}}`},
		{`{"A": 1, "CACertificates": ["x", "y"], "B": {}}`, `{"A": 1, "B": {}}`},
		{`{ "CACertificates": ["x", "y",], }`, `{}`},
	} {
		p, err := Open([]byte(test.was), Chromium)
		if err != nil {
			t.Fatal(err)
		}
		all, _, _ := p.List(chromiums...)
		err = p.Delete([]int{slices.Index(all, "x"), slices.Index(all, "y")}, chromiums, chromiums...)
		if string(p.Bytes()) != test.now || err != nil {
			t.Errorf("%s became\n%s\nwant\n%s %v", test.was, p.Bytes(), test.now, err)
		}
	}
}

// A file that the browser does not read is refused, with the line.
func TestOpenStrictly(t *testing.T) {
	for _, test := range []struct {
		text              string
		chromium, firefox string // the beginning of the error
	}{
		{`{"policies": {}}`, "", ""},
		{"", "line 1: an object", "line 1: an object"},
		{"[]", "line 1: an object", "line 1: an object"},
		{"{\n{broken", "line 2: the name", "line 2: the name"},
		{"// a comment\n{}", "", "line 1: an object"},
		{"# a comment\n{}", "line 1: an object", "line 1: an object"},
		{`{"a": [1, 2,],}`, "", "line 1: a value"},
		{"\ufeff{}", "", "line 1: the file begins with a byte order mark"},
		{"{\"a\": \"b\nc\"}", "", "line 1: the string"},
		{"{\"a\": \"b", "line 1: the string", "line 1: the string"},
		{"{\"a\": \"b\\", "line 1: the string", "line 1: the string"},
		{`{"a" 1}`, "line 1: a colon", "line 1: a colon"},
		{`{"a": nul}`, "line 1: a value", "line 1: a value"},
		{`{"a": [1 2]}`, "line 1: a comma", "line 1: a comma"},
		{`{"a": 1} x`, "line 1: nothing", "line 1: nothing"},
		{`{"a": 1`, "line 1: a comma", "line 1: a comma"},
		{"{\"a\": 1, \x00}", "line 1: the name", "line 1: the name"},
		{`{"a": ` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`, "line 1: more than 100", "line 1: more than 100"},
	} {
		for kind, want := range []string{test.chromium, test.firefox} {
			_, err := Open([]byte(test.text), Kind(kind))
			if got := errorText(err); (want == "") != (got == "") || !strings.HasPrefix(got, want) {
				t.Errorf("%.40q as %d: %q, want %q", test.text, kind, got, want)
			}
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// A value of another kind in place of the list is refused.
func TestNoList(t *testing.T) {
	for _, text := range []string{`{"policies": 1}`, `{"policies": {"Certificates": []}}`, `{"policies": {"Certificates": {"Install": "x"}}}`} {
		p, err := Open([]byte(text), Firefox)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.List(firefoxes...); err == nil {
			t.Errorf("%s: no error", text)
		}
		if _, err := p.Append([]string{"x"}, firefoxes...); err == nil || string(p.Bytes()) != text {
			t.Errorf("%s became %s: %v", text, p.Bytes(), err)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add([]byte(`{"CACertificates": ["a", "b",], /* x */ "B": {"c": [1, null]}}`), true)
	f.Add([]byte("{\"policies\": {\"Certificates\": {\"Install\": [\"a\"]}}}"), false)
	f.Fuzz(func(t *testing.T, text []byte, chromium bool) {
		kind, path := Firefox, firefoxes
		if chromium {
			kind, path = Chromium, chromiums
		}
		p, err := Open(text, kind)
		if err != nil {
			return
		}
		before, _, err := p.List(path...)
		if err != nil {
			return
		}
		made, err := p.Append([]string{"x", "y"}, path...)
		if now, ok, again := p.List(path...); err != nil || again != nil || !ok || !slices.Equal(now, append(before, "x", "y")) {
			t.Fatalf("%q became %q: %q %v %v", text, p.Bytes(), now, err, again)
		}
		if err := p.Delete([]int{len(before), len(before) + 1}, made, path...); err != nil || string(p.Bytes()) != string(text) {
			t.Fatalf("%q came back as %q: %v", text, p.Bytes(), err)
		}
	})
}
