package lines_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/lines"
)

type leaf struct {
	Name string
	Set  bool
}

type tree struct {
	Title  string
	Words  []string
	Leaves []leaf
	Of     map[string][]string
	Next   []*leaf
	Empty  []string
	None   map[string][]string
}

var whole = tree{
	Title:  "a title, with ünicode",
	Words:  []string{"", "one", "two words"},
	Leaves: []leaf{{"a", true}, {"b", false}},
	Of:     map[string][]string{"z": {"1"}, "a": nil, "m": {"2", "3"}},
	Next:   []*leaf{{"c", true}},
}

func TestRoundTrip(t *testing.T) {
	data, err := lines.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	var got tree
	lines.Unmarshal(string(data), &got)
	if !reflect.DeepEqual(got, whole) {
		t.Errorf("read %+v, wrote %+v", got, whole)
	}
	again, err := lines.Marshal(got)
	if err != nil || string(again) != string(data) {
		t.Errorf("written again: %v\n%s\nnot\n%s", err, again, data)
	}
}

func TestMarshalRefuses(t *testing.T) {
	for _, v := range []any{"two\nlines", 1, []int{1}, struct{ At float64 }{}} {
		if data, err := lines.Marshal(v); err == nil {
			t.Errorf("%v: wrote %q", v, data)
		}
	}
}

func TestUnmarshalPanics(t *testing.T) {
	data, err := lines.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string]string{
		"empty":        "",
		"cut":          string(data[:len(data)-1]),
		"more":         string(data) + "x\n",
		"no length":    strings.Replace(string(data), "\n3\n", "\nthree\n", 1),
		"huge length":  strings.Replace(string(data), "\n3\n", "\n99999\n", 1),
		"minus length": strings.Replace(string(data), "\n3\n", "\n-3\n", 1),
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("read without a panic")
				}
			}()
			lines.Unmarshal(damaged, new(tree))
		})
	}
}

func TestUnmarshalRefusesTypes(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("read a number")
		}
	}()
	lines.Unmarshal("1\n", new(int))
}
