package command_test

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// imageDocuments are the config and the manifest of an image, as some tool writes
// them. LAYER, DIFFID, CONFIG and SIZE are placeholders for values that are not
// known yet.
type imageDocuments struct{ config, manifest string }

const (
	plainConfig   = `{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/usr/bin"],"Cmd":["node"]},"rootfs":{"type":"layers","diff_ids":["DIFFID"]},"history":[{"created_by":"x \u0026\u0026 y"}]}`
	plainManifest = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"CONFIG","size":SIZE},"layers":[LAYER]}`
)

// oddDocuments are documents that remove can restore only if it knows the
// original.
var oddDocuments = map[string]imageDocuments{
	"no variables":           {strings.Replace(plainConfig, `"Env":["PATH=/usr/bin"],`, "", 1), plainManifest},
	"null variables":         {strings.Replace(plainConfig, `["PATH=/usr/bin"]`, "null", 1), plainManifest},
	"no settings":            {strings.Replace(plainConfig, `"config":{"Env":["PATH=/usr/bin"],"Cmd":["node"]},`, "", 1), plainManifest},
	"variables with escapes": {strings.Replace(plainConfig, `"PATH=/usr/bin"`, `"X=\u003c\/x\u003e", "PATH=\/usr\/bin"  ,"B=\u0041"`, 1), plainManifest},
	"a variable with &":      {strings.Replace(plainConfig, `"PATH=/usr/bin"`, `"A=a \u0026 b","PATH=/usr/bin"`, 1), plainManifest},
	"Python":                 {spaced(plainConfig), spaced(plainManifest)},
	"no history":             {strings.Replace(plainConfig, `,"history":[{"created_by":"x \u0026\u0026 y"}]`, "", 1), plainManifest},
	"empty annotations":      {plainConfig, annotated(`{}`)},
	"null annotations":       {plainConfig, annotated(`null`)},
	"a base":                 {plainConfig, annotated(`{"a":"b","org.opencontainers.image.base.digest":"sha256:x","org.opencontainers.image.base.name":"y","z":"\u007a"}`)},
	"a base, name first":     {plainConfig, annotated(`{"org.opencontainers.image.base.name":"y\/z","a":"b","org.opencontainers.image.base.digest":"sha256:x"}`)},
	"a base, name last":      {plainConfig, annotated(`{"org.opencontainers.image.base.digest":"sha256:x","a":"b","org.opencontainers.image.base.name":"y"}`)},
	"a name of a base":       {plainConfig, annotated(`{ "org.opencontainers.image.base.name":"y" }`)},
	"members behind":         {plainConfig, strings.Replace(plainManifest, `{"schemaVersion"`, "{\n\t\"x\" : [ ] , \"schemaVersion\"", 1) + "\n"},
}

func annotated(value string) string {
	return strings.TrimSuffix(plainManifest, "}") + `,"annotations":` + value + `}`
}

func spaced(doc string) string {
	return strings.NewReplacer(`":`, `": `, `,"`, `, "`).Replace(doc)
}

// An image that was patched, and loses all of it, has its original bytes.
func TestI10RemoveGivesTheBytesBack(t *testing.T) {
	corp := filepath.Join("..", "..", "testdata", "bundles", "corp.pem")
	layer := roottest.Tar(t, roottest.File("etc/ssl/certs/ca-certificates.crt", roottest.NewCA(t, "Base").PEM()), roottest.File("usr/bin/node", ""))
	for name, doc := range oddDocuments {
		l := roottest.NewLayout(t)
		blob := l.Blob("application/vnd.oci.image.layer.v1.tar+gzip", roottest.Pack(t, "gzip", layer))
		config := strings.Replace(doc.config, "DIFFID", fmt.Sprintf("sha256:%x", sha256.Sum256(layer)), 1)
		c := l.Blob("application/vnd.oci.image.config.v1+json", []byte(config))
		text := fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":%q,"size":%v}`, blob.Digest(), blob["size"])
		manifest := strings.NewReplacer("CONFIG", c.Digest(), "SIZE", fmt.Sprint(c["size"]), "LAYER", text).Replace(doc.manifest)
		base := l.Tag(l.Blob(roottest.OCIManifest, []byte(manifest)), "b")
		for _, env := range [][]string{nil, {"--env", "none"}, {"--env", "NEW=<x>", "--env", "A=9"}} {
			run(t, 0, append([]string{"patch", base, corp, "--tag", "oci:" + l.Dir + ":one"}, env...)...)
			run(t, 0, "remove", "--image", "oci:"+l.Dir+":one", "--all", "--tag", "oci:"+l.Dir+":back")
			if was, is := got(t, base), got(t, "oci:"+l.Dir+":back"); was.Descriptor.Digest != is.Descriptor.Digest {
				t.Errorf("%s %q: it came back as\n%s\nwas\n%s\n%q", name, env, is.Raw(), was.Raw(), environment(t, "oci:"+l.Dir+":back"))
			}
		}
	}
}
