package manifest

import (
	"fmt"
	"strings"
	"testing"
)

func show(all []Scalar) string {
	var b strings.Builder
	for _, s := range all {
		fmt.Fprintf(&b, "%d %s=%q\n", s.Line, strings.Join(s.Path, "/"), s.Value)
	}
	return b.String()
}

func TestScalars(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"a Secret of kubectl": {
			"apiVersion: v1\ndata:\n  ca.crt: QUJD\n  tls.key: \"\"\nkind: Secret\nmetadata:\n  annotations: {}\n  creationTimestamp: null\n  name: tls # its name\n",
			"1 apiVersion=\"v1\"\n3 data/ca.crt=\"QUJD\"\n4 data/tls.key=\"\"\n5 kind=\"Secret\"\n8 metadata/creationTimestamp=\"null\"\n9 metadata/name=\"tls\"\n",
		},
		"a kubeconfig": {
			"apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: QUJD\n    server: https://x:6443\n  name: one\n- name: two\n  cluster:\n    server: y\n",
			"1 apiVersion=\"v1\"\n4 clusters/cluster/certificate-authority-data=\"QUJD\"\n5 clusters/cluster/server=\"https://x:6443\"\n6 clusters/name=\"one\"\n7 clusters/name=\"two\"\n9 clusters/cluster/server=\"y\"\n",
		},
		"blocks": {
			"stringData:\n  a: |\n    one\n\n      two\n  b: >-\n    three\n  c: |2\n      four\nd: x\n",
			"2 stringData/a=\"one\\n\\n  two\\n\"\n6 stringData/b=\"three\\n\"\n8 stringData/c=\"  four\\n\"\n10 d=\"x\"\n",
		},
		"quotes over several lines": {
			"a: 'one\n\n  two\n\n\n  three ''x'' '\nb: \"one\\n\\\n  \\ two \\u00e9\n  three\"\n'c d': \"#\" # x\n",
			"1 a=\"one\\ntwo\\n\\nthree 'x' \"\n7 b=\"one\\n two é three\"\n10 c d=\"#\"\n",
		},
		"documents": {
			"---\na: 1\n---\n# nothing\n--- # two\nb:\n  - - 1\n    - 2\n  - c: d\n    e: f\n...\n",
			"2 a=\"1\"\n7 b=\"1\"\n8 b=\"2\"\n9 b/c=\"d\"\n10 b/e=\"f\"\n",
		},
		"brackets are passed over": {"a: {b: [\"}\", '{'],\n  c: d} # x\ne: []\nf: g\n", "4 f=\"g\"\n"},
		"a value goes on":          {"a: one\n  two # x\n\n  three\nb: 1\r\nc: 2\r\n", "1 a=\"one two three\"\n5 b=\"1\"\n6 c=\"2\"\n"},
	} {
		found, err := Scalars([]byte(test.text))
		if got := show(found); err != nil || got != test.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, got, test.want)
		}
	}
}

// Text that could expand, or that this package does not read, is an error with its
// line.
func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		"a: &x [lol]\nb: [*x,*x]\n":      "line 1: anchors and aliases",
		"b: [*x,*x]\n":                   "line 1: anchors and aliases",
		"a: 1\nb: *x\n":                  "line 2: anchors and aliases",
		"a: !!binary |\n  QUJD\n":        "line 1: tags",
		"%YAML 1.2\n":                    "line 1: it is neither",
		"? a\n: b\n":                     "line 1: it is neither",
		"a:\n    b: 1\n  c: 2\n":         "line 3: its indentation fits nothing",
		"a: b: c\n  d: e\n":              "line 2: a value on a line of its own is followed by a key",
		"a: \"x\n":                       "the quote that begins on line 1 has no end",
		"a: [x\n":                        "the bracket that begins on line 1 has no end",
		"a: \"\\q\"\n":                   "line 1: an escape",
		"a: |x\n b\n":                    "line 1: \"|x\" does not begin a block",
		strings.Repeat("- ", 40) + "x\n": "line 1: values are nested more than 32 deep",
		"\ta: 1\n":                       "line 1: a tab",
		"<<: *defaults\n":                "line 1: anchors and aliases",
	} {
		if found, err := Scalars([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q\n%s", text, err, want, show(found))
		}
	}
}

func TestLooks(t *testing.T) {
	for text, want := range map[string]bool{
		"apiVersion: v1\n": true, "# x\nkind: Secret\n\"apiVersion\": v1\n": true, "\ufeffapiVersion: v1": true,
		"  apiVersion: v1\n": false, "apiVersions: v1\n": false, "": false, "apiVersion": false,
	} {
		if Looks([]byte(text)) != want {
			t.Errorf("%q", text)
		}
	}
}

// FuzzScalars checks the bounds: every scalar found is in the text.
func FuzzScalars(f *testing.F) {
	for _, seed := range []string{
		"apiVersion: v1\ndata:\n  a: |\n    x\n", "- - a: 'b\n\n  c'\n", "a: \"\\x41\\\n  b\"\n", "a: {b: c}\n---\n- d\n", "a: &b c\nd: *b\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		found, err := Scalars(text)
		size := 0
		for _, s := range found {
			size += len(s.Value)
			if len(s.Path) > maxDepth || s.Line < 1 {
				t.Errorf("%v", s)
			}
		}
		if err == nil && size > 3*len(text)+3 {
			t.Errorf("%d bytes of values in %d bytes of text", size, len(text))
		}
	})
}
