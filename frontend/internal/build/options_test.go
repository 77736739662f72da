package build

import (
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/moby/buildkit/frontend/gateway/client"
)

func TestOptions(t *testing.T) {
	o, err := parseOptions(map[string]string{
		"build-arg:CERTGRAFT_SOURCE": "aws-rds, gcp-sql", "build-arg:CERTGRAFT_MODE": "env", "build-arg:CERTGRAFT_INSTALL": "1", "build-arg:OTHER": "x",
	})
	if err != nil || !slices.Equal(o.sources, []string{"aws-rds", "gcp-sql"}) || o.mode != "env" || !o.install {
		t.Errorf("%+v, %v", o, err)
	}
	for arg, want := range map[string]string{
		"MODE=both":                    "it is env or in-root",
		"INSTALL=maybe":                "it is 1 or 0",
		"SOURCE=./corp.pem":            "as the secret certgraft",
		"SOURCE=--insecure":            "it takes ids",
		"SOURCE=https://example/a.pem": "it takes ids",
	} {
		name, value, _ := strings.Cut(arg, "=")
		if _, err := parseOptions(map[string]string{"build-arg:CERTGRAFT_" + name: value}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", arg, err, want)
		}
	}
}

// engine is an engine with options.
type engine struct {
	client.Client
	opts map[string]string
}

func (e engine) BuildOpts() client.BuildOpts { return client.BuildOpts{Opts: e.opts} }

// TestUnforwarded: a syntax line in the Dockerfile does not start another
// frontend. The engine's options stay unchanged.
func TestUnforwarded(t *testing.T) {
	opts := map[string]string{"source": "own"}
	if got := (unforwarded{engine{opts: opts}}).BuildOpts().Opts["cmdline"]; got != "own" {
		t.Errorf("the command line is %q", got)
	}
	if len(opts) != 1 {
		t.Errorf("the engine's options became %q", opts)
	}
}

func TestHistory(t *testing.T) {
	result := client.NewResult()
	result.AddMeta(exptypes.ExporterImageConfigKey, []byte(`{"other":1,"history":[{"created":"2023-11-14T22:13:20Z","created_by":"RUN a"}]}`))
	if err := addHistory(result, "", "RUN certgraft install x"); err != nil {
		t.Fatal(err)
	}
	want := `{"history":[{"created":"2023-11-14T22:13:20Z","created_by":"RUN a"},` +
		`{"created":"2023-11-14T22:13:20Z","created_by":"RUN certgraft install x # buildkit","comment":"certgraft.frontend.v0"}],"other":1}`
	if got := string(result.Metadata[exptypes.ExporterImageConfigKey]); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if err := addHistory(result, "linux/amd64", "x"); err == nil {
		t.Error("a configuration that is not there is no error")
	}
}
