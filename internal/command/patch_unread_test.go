package command_test

import (
	"crypto/sha256"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/keystore"
)

// noise returns text that stays, even compressed, above the size of layers that
// are read in any case.
func noise() string {
	var b strings.Builder
	block := sha256.Sum256(nil)
	for range 40 << 10 {
		block = sha256.Sum256(block[:])
		b.Write(block[:])
	}
	return b.String()
}

// aside makes an image whose second layer, by its history, only copies to
// /data/trust, which is no place for stores.
func aside(t *testing.T, l *roottest.Layout, platform string, config map[string]any, lower, upper []roottest.Entry) roottest.Descriptor {
	history := []any{map[string]any{"created_by": "base"}, map[string]any{"created_by": "COPY trust /data/trust # buildkit"}}
	return l.Image(roottest.Image{Packed: "gzip", Platform: platform, Config: map[string]any{"config": config, "history": history}, Layers: [][]byte{
		roottest.Tar(t, lower...), roottest.Tar(t, append(upper, roottest.File("data/trust/noise", noise()))...),
	}})
}

// A bundle behind a link keeps its roots. Each platform has its own report,
// although one platform was edited twice.
func TestPatchBundleBehindALink(t *testing.T) {
	l := roottest.NewLayout(t)
	bundle := roottest.NewCA(t, "Old One").PEM() + roottest.NewCA(t, "Old Two").PEM()
	linked := aside(t, l, "linux/amd64", nil,
		[]roottest.Entry{roottest.Dir("etc/ssl/certs/"), roottest.Link("etc/ssl/certs/ca-certificates.crt", "/data/trust/bundle.pem")},
		[]roottest.Entry{roottest.File("data/trust/bundle.pem", bundle)})
	named := aside(t, l, "linux/arm64", map[string]any{"Env": []string{"SSL_CERT_FILE=/etc/my.pem"}},
		[]roottest.Entry{roottest.File("etc/ssl/certs/ca-certificates.crt", bundle), roottest.Link("etc/my.pem", "/data/trust/bundle.pem")},
		[]roottest.Entry{roottest.File("data/trust/bundle.pem", bundle)})
	plain := aside(t, l, "linux/s390x", nil, []roottest.Entry{roottest.File("etc/ssl/certs/ca-certificates.crt", bundle)}, nil)
	from, to := l.Tag(l.Index(roottest.OCIIndex, nil, linked, named, plain), "x"), "oci:"+l.Dir+":y"
	corp := filepath.Join("..", "..", "testdata", "bundles", "corp.pem")
	_, errs := run(t, 0, "patch", from, corp, "--tag", to)
	for text, n := range map[string]int{
		"5 now   /data/trust/bundle.pem": 2, "5 now   /etc/ssl/certs/ca-certificates.crt": 2, "is not there": 0, "had no bundle": 0,
		"linux/amd64  ": 1, "linux/arm64  ": 1, "linux/s390x  ": 1, "was not read": 1, "linux/s390x: the layer that copies to /data/trust": 1,
	} {
		if got := strings.Count(errs, text); got != n {
			t.Errorf("%q stands there %d times, want %d:\n%s", text, got, n, errs)
		}
	}
	run(t, 0, "patch", to, corp, "--tag", to+"-amd64", "--platform", "linux/amd64")
	if got := trusted(t, to+"-amd64"); !slices.Contains(got, "Old One") || !slices.Contains(got, "Old Two") || len(got) != 5 {
		t.Errorf("%q", got)
	}
}

// Some images start a Java runtime by its path. Its trust store is edited and
// inspected, in any directory.
func TestPatchRuntimeOfTheCommand(t *testing.T) {
	store, err := keystore.NewJKS(keystore.DefaultPassword).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range [][]string{{"/data/trust/bin/java", "-jar", "/x.jar"}, {"/bin/sh", "-c", "exec /data/trust/bin/java -jar /x.jar"}} {
		l := roottest.NewLayout(t)
		from := l.Tag(aside(t, l, "linux/amd64", map[string]any{"Cmd": cmd}, []roottest.Entry{roottest.File("etc/ssl/certs/ca-certificates.crt", roottest.NewCA(t, "Old").PEM())},
			[]roottest.Entry{roottest.File("data/trust/bin/java", ""), roottest.File("data/trust/lib/security/cacerts", string(store))}), "x")
		corp, patched := filepath.Join("..", "..", "testdata", "bundles", "corp.pem"), "oci:"+l.Dir+":y"
		for _, args := range [][]string{
			{"patch", from, corp, "--tag", patched},
			{"inspect", patched},
			{"distrust", "--image", patched, corp, "--tag", patched + "-distrusted"},
			{"distrust", "--image", patched + "-distrusted", "--undo", "--tag", patched + "-again"},
			{"remove", "--image", patched + "-again", "--all", "--tag", patched + "-removed"},
		} {
			out, errs := run(t, 0, args...)
			if slices.Contains(args, "--undo") {
				out, errs = run(t, 0, "inspect", patched+"-again")
			}
			if !strings.Contains(out+errs, "/data/trust/lib/security/cacerts") {
				t.Errorf("%q: %q: %s%s", cmd, args, out, errs)
			}
		}
	}
}
