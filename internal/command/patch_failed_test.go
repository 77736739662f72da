package command_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// An image that could not be written to its destination has failed. The report and
// the JSON say so, and name the destinations that were written before.
func TestPatchThatIsNotPut(t *testing.T) {
	l := roottest.NewLayout(t)
	base := nodeImage(t, l)
	corp := filepath.Join("..", "..", "testdata", "bundles", "corp.pem")
	r := roottest.NewRegistry(t)
	r.Fault(func(w http.ResponseWriter, req *http.Request) bool {
		if req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/manifests/") {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	})
	there := "oci:" + filepath.Join(t.TempDir(), "img") + ":1"
	metadata := filepath.Join(t.TempDir(), "m.json")
	args := []string{"patch", base, corp, "--tag", there, "--tag", r.Host + "/app:1", "--metadata-file", metadata}

	out, errs := run(t, 4, args...)
	if out != there+"\n" {
		t.Errorf("standard output has %q", out)
	}
	if strings.Contains(errs, "done") || !strings.Contains(errs, "403") {
		t.Errorf("%s", errs)
	}
	data, err := os.ReadFile(metadata)
	if err != nil {
		t.Fatal(err)
	}
	saysFailed(t, data, there)
	out, _ = run(t, 4, append(args, "--json")...)
	saysFailed(t, []byte(out), there)
}

func saysFailed(t *testing.T, data []byte, there string) {
	t.Helper()
	var said struct {
		Error      string
		References []string
	}
	if err := json.Unmarshal(data, &said); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	if !strings.Contains(said.Error, "403") || len(said.References) != 1 || said.References[0] != there {
		t.Errorf("%+v", said)
	}
}
