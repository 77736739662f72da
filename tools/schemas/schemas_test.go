// Package schemas validates what the program writes in formats of others by the
// schemas of those formats, which other modules carry. It is a module of its
// own: the program needs none of what it imports. It runs build/certgraft.
package schemas

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/CycloneDX/cyclonedx-go"
	"github.com/santhosh-tekuri/jsonschema/v6"
	_ "github.com/securego/gosec/v2/cwe"
)

const certgraft = "../../build/certgraft"

// run runs certgraft, which is to end with that status.
func run(t *testing.T, status int, args ...string) {
	t.Helper()
	cmd := exec.Command(certgraft, args...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("make build first: %v", err)
	}
	if got := cmd.ProcessState.ExitCode(); got != status {
		t.Fatalf("certgraft %s: status %d\n%s", strings.Join(args, " "), got, out)
	}
}

// module returns the directory of a module that this one needs.
func module(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func document(t *testing.T, name string) any {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// compile reads a schema, and beside it those that it names.
func compile(t *testing.T, main string, beside map[string]string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for url, file := range beside {
		if err := c.AddResource(url, document(t, file)); err != nil {
			t.Fatal(err)
		}
	}
	const url = "file:///main.json"
	if id, ok := document(t, main).(map[string]any)["$id"].(string); ok {
		if err := c.AddResource(id, document(t, main)); err != nil {
			t.Fatal(err)
		}
		return compiled(t, c, id)
	}
	if err := c.AddResource(url, document(t, main)); err != nil {
		t.Fatal(err)
	}
	return compiled(t, c, url)
}

func compiled(t *testing.T, c *jsonschema.Compiler, url string) *jsonschema.Schema {
	t.Helper()
	s, err := c.Compile(url)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// root makes a root with Mozilla's CAs, a provider's, and a company's.
func root(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "root with a space")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, 0, "install", "--offline", "--root", dir, "--expired", "keep", "mozilla", "aws-rds", "../../testdata/bundles/corp.pem")
	return dir
}

// refused checks that the schema is one that says no: a validator that takes
// everything would pass.
func refused(t *testing.T, s *jsonschema.Schema, name, member string) {
	t.Helper()
	v := document(t, name).(map[string]any)
	delete(v, member)
	if s.Validate(v) == nil {
		t.Errorf("a document without %s is valid", member)
	}
}

func TestCycloneDX(t *testing.T) {
	dir := filepath.Join(module(t, "github.com/CycloneDX/cyclonedx-go"), "schema")
	s := compile(t, filepath.Join(dir, "bom-1.6.schema.json"), map[string]string{
		"http://cyclonedx.org/schema/spdx.schema.json":     filepath.Join(dir, "spdx.schema.json"),
		"http://cyclonedx.org/schema/jsf-0.82.schema.json": filepath.Join(dir, "jsf-0.82.schemax.json"),
	})
	for what, args := range map[string][]string{
		"a root": {root(t)}, "a file": {"../../testdata/bundles/corp.pem"},
	} {
		name := filepath.Join(t.TempDir(), "bill.json")
		run(t, 0, append([]string{"inspect", "--cyclonedx", name}, args...)...)
		if err := s.Validate(document(t, name)); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		refused(t, s, name, "bomFormat")
	}
}

func TestSARIF(t *testing.T) {
	s := compile(t, filepath.Join(module(t, "github.com/securego/gosec/v2"), "report/sarif/testdata/sarif-schema-2.1.0.json"), nil)
	name := filepath.Join(t.TempDir(), "found.sarif")
	policy := filepath.Join(t.TempDir(), "policy.json")
	if err := os.WriteFile(policy, []byte(`{"version":1,"allow":["mozilla"]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, 5, "check", "--offline", "--policy", policy, "--sarif", name, root(t))
	if err := s.Validate(document(t, name)); err != nil {
		t.Error(err)
	}
	refused(t, s, name, "version")
	var log struct{ Runs []struct{ Results []any } }
	data, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(data, &log)
	}
	if err != nil || len(log.Runs[0].Results) == 0 {
		t.Errorf("it has no result: %v", err)
	}
}
