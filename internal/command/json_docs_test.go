package command

import (
	"encoding"
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// jsonResults are the results that each section of docs/json.md describes.
var jsonResults = map[string][]any{
	"`install`, `remove`, `distrust`":               {editResult{}},
	"`patch`, `remove --image`, `distrust --image`": {patchResult{}, planResult{}},
	"`inspect` of a root":                           {rootResult{}},
	"`inspect` of a file":                           {fileResult{}},
	"`env`":                                         {envResult{}},
	"`verify`":                                      {verifyResult{}},
	"`lock`":                                        {lockResult{}},
	"`diff`":                                        {diffResult{}},
	"`check`":                                       {checkResult{}},
	"`bundle`, `list`, `version`":                   {bundleResult{}, providerResult{}, versionResult{}},
}

// docs/json.md has every field of every JSON output: in the section of the
// command, or below the first level in any section. Every field of an example
// exists.
func TestJSONIsDocumented(t *testing.T) {
	data, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	names := func(text, name string) bool {
		return regexp.MustCompile("[`\".]" + regexp.QuoteMeta(name) + "[`\"]").MatchString(text)
	}
	for title, values := range jsonResults {
		_, section, ok := strings.Cut(page, "\n## "+title+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		if !ok {
			t.Errorf("there is no section %s", title)
		}
		all := map[string]bool{}
		for _, v := range values {
			first := jsonFields(reflect.TypeOf(v), all)
			if _, catalogued := v.(providerResult); catalogued {
				continue // docs/providers.md has them
			}
			for _, name := range first {
				if !names(section, name) {
					t.Errorf("%s: %q is not in the section", title, name)
				}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if !names(page, name) && !strings.Contains(title, "list") {
				t.Errorf("%s: %q is nowhere on the page", title, name)
			}
		}
		for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(section, -1) {
			for _, key := range regexp.MustCompile(`"([A-Za-z0-9]+)":`).FindAllStringSubmatch(block[1], -1) {
				if !all[key[1]] {
					t.Errorf("%s: the example has %q, which the output has not", title, key[1])
				}
			}
		}
	}
}

// jsonFields returns the names of a struct's fields. It adds them, and the fields
// of inner structs, to all.
func jsonFields(of reflect.Type, all map[string]bool) (first []string) {
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return jsonFields(of.Elem(), all)
	case reflect.Struct:
	default:
		return nil
	}
	if slices.ContainsFunc([]reflect.Type{reflect.TypeFor[json.Marshaler](), reflect.TypeFor[encoding.TextMarshaler]()}, of.Implements) {
		return nil
	}
	for field := range of.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-" || !field.IsExported() && !field.Anonymous:
			continue
		case field.Anonymous && name == "":
			first = append(first, jsonFields(field.Type, all)...)
			continue
		case name == "":
			name = field.Name
		}
		first = append(first, name)
		all[name] = true
		jsonFields(field.Type, all)
	}
	return first
}
