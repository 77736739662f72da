//go:build e2e

package frontend

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// A kind is a Dockerfile with a feature that a frontend can get wrong. Its steps
// fetch URL.
type kind struct {
	lines string
	args  []string          // for buildctl
	files map[string]string // of the context
	none  bool              // no step fetches
}

var kinds = map[string]kind{
	"onbuild":       {lines: "FROM REGISTRY/onbuild:1", args: []string{"--opt", "build-arg:AT=URL"}},
	"named context": {lines: "FROM REGISTRY/trixie:1\nCOPY --from=other /etc/os-release /other\nRUN curl -sS URL", args: []string{"--opt", "context:other=docker-image://REGISTRY/bookworm:1"}},
	"context image": {lines: "FROM mine\nRUN curl -sS URL", args: []string{"--opt", "context:mine=docker-image://REGISTRY/trixie:1"}},
	"no shell":      {lines: "FROM REGISTRY/scratch:1\nRUN [\"/client\", \"URL\"]"},
	"stages":        {lines: "FROM REGISTRY/trixie:1 AS fetch\nRUN curl -sS -o /page URL\nFROM scratch AS last\nCOPY --from=fetch /etc/os-release /\nFROM REGISTRY/trixie:1\nCOPY --from=fetch /etc/os-release /a\nCOPY --from=last /os-release /b\nRUN curl -sS URL"},
	"target":        {lines: "FROM REGISTRY/trixie:1 AS one\nRUN curl -sS URL\nFROM one\nRUN false", args: []string{"--opt", "target=one"}},
	"mounts":        {lines: "FROM REGISTRY/trixie:1\nRUN --mount=type=cache,target=/cache --mount=type=tmpfs,target=/scratch --mount=type=bind,target=/context --mount=type=secret,id=other curl -sS -o /cache/page URL && cat /context/kept /run/secrets/other", args: []string{"--secret", "id=other,src=CONTEXT/kept"}, files: map[string]string{"kept": "kept\n"}},
	"no network":    {lines: "FROM REGISTRY/trixie:1\nRUN --network=none test ! -e /.certgraft && test -z \"$SSL_CERT_FILE\" && echo x >/x", none: true},
	"ignored":       {lines: "FROM REGISTRY/trixie:1\nCOPY . /context\nRUN curl -sS URL && test ! -e /context/dropped", files: map[string]string{".dockerignore": "dropped\n", "dropped": "x", "kept": "x"}},
	"shell":         {lines: "FROM REGISTRY/trixie:1\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN curl -sS URL | cat >/dev/null"},
	"here-document": {lines: "FROM REGISTRY/trixie:1\nRUN <<END\nset -e\ncurl -sS URL\necho x >/x\nEND\nCOPY <<END /copied\ntext\nEND"},
	"shebang":       {lines: "FROM REGISTRY/trixie:1\nRUN <<END\n#!/usr/bin/perl\nsystem('curl', '-sS', 'URL') == 0 or exit 1;\nEND"},
	"exec form":     {lines: "FROM REGISTRY/trixie:1\nRUN [\"curl\", \"-sS\", \"URL\"]"},
	"user":          {lines: "FROM REGISTRY/trixie:1\nUSER nobody\nWORKDIR /tmp\nRUN curl -sS URL >page"},
	"own variables": {lines: "FROM REGISTRY/trixie:1\nARG WORD=a\nENV TMPDIR=/var/tmp CURL_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt\nRUN curl -sS URL && echo $WORD >/x"},
	"platforms":     {lines: "FROM REGISTRY/scratch:1\nRUN [\"/client\", \"URL\"]", args: []string{"--opt", "platform=linux/amd64,linux/386"}},
}

// TestKinds: a build of each kind is refused without the frontend and trusts with
// it, and has the digest of a plain build.
func TestKinds(t *testing.T) {
	rig.Slow(t)
	d := newDigests(t)
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		t.Run(name, func(t *testing.T) { d.kind(t, kinds[name]) })
	}
}

// kind builds with and without the frontend: from a server that the CA signed, and
// for the digest from one that needs none.
func (d *digests) kind(t *testing.T, k kind) {
	t.Helper()
	d.bases(t, k.lines+strings.Join(k.args, " "))
	tls, args := d.prepare(t, k, d.url)
	if out, err := d.kit.Build(t, tls, args...); (err == nil) != k.none || !k.none && !strings.Contains(out, "certificate") {
		t.Errorf("a plain build: %v\n%s", err, out)
	}
	if out, err := d.kit.Build(t, tls, d.frontend(args...)...); err != nil {
		t.Errorf("a build with the frontend: %v\n%s", err, out)
	}
	clear, args := d.prepare(t, k, "http://"+d.registry.Host+"/v2/")
	plain := d.digest(t, clear, args...)
	for _, mode := range []string{"env", "in-root"} {
		got := d.digest(t, clear, d.frontend(append(args, "--opt", "build-arg:CERTGRAFT_MODE="+mode)...)...)
		d.same(t, mode, plain, got)
	}
}

// prepare makes the context of a build that fetches from an address, and its
// arguments.
func (d *digests) prepare(t *testing.T, k kind, url string) (dir string, args []string) {
	t.Helper()
	dir = t.TempDir()
	fill := strings.NewReplacer("REGISTRY", d.registry.Host, "URL", url, "CONTEXT", dir).Replace
	rig.Write(t, filepath.Join(dir, "Dockerfile"), fill(k.lines)+"\n")
	for name, data := range k.files {
		rig.Write(t, filepath.Join(dir, name), data)
	}
	for _, a := range k.args {
		args = append(args, fill(a))
	}
	return dir, args
}
