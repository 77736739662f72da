//go:build e2e

package image

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/roottest"
)

// savedTogether makes images of these names in the engine, and returns the archive that it
// saves of them.
func savedTogether(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		root := rig.Write(t, filepath.Join(dir, "root", name), name) // so that no two are the same image
		rig.Run(t, "tar", "-C", filepath.Dir(root), "-cf", filepath.Join(dir, "root.tar"), ".")
		rig.ImportImage(t, filepath.Join(dir, "root.tar"), name)
	}
	file := filepath.Join(dir, "saved.tar")
	rig.Docker(t, append([]string{"save", "-o", file}, names...)...)
	return file
}

// ids returns what the engine calls the images of these names.
func ids(t *testing.T, names ...string) []string {
	t.Helper()
	return strings.Fields(rig.Docker(t, append([]string{"inspect", "--format", "{{.Id}}"}, names...)...))
}

// An image in an archive has each of its names as engines look for it.
func TestI1NamesInArchives(t *testing.T) {
	file, corp := savedTogether(t, "short:1"), rig.NewAuthority(t, "Corp Root").CAFile
	rig.Docker(t, "tag", "short:1", "registry.example.com/long:2")
	rig.Docker(t, "save", "-o", file, "short:1", "registry.example.com/long:2")
	was, out := ids(t, "short:1", "registry.example.com/long:2"), filepath.Join(t.TempDir(), "out.tar")
	patch(t, "docker-archive:"+file, corp, "--tag", "docker-archive:"+out)
	index := string(topFile(out, "index.json"))
	for _, want := range []string{`"io.containerd.image.name":"docker.io/library/short:1"`, `"org.opencontainers.image.ref.name":"1"`, `"io.containerd.image.name":"registry.example.com/long:2"`} {
		if !strings.Contains(index, want) {
			t.Errorf("no %s in %s", want, index)
		}
	}
	rig.Docker(t, "load", "-q", "-i", out)
	if now := ids(t, "short:1", "registry.example.com/long:2"); now[0] == was[0] || now[1] != now[0] {
		t.Errorf("%q, were %q", now, was)
	}
}

// A layout that holds one platform of an index of two is patched as far as it goes.
func TestI2PartOfAnIndex(t *testing.T) {
	l, corp := roottest.NewLayout(t), rig.NewAuthority(t, "Corp Root").CAFile
	amd := l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{roottest.Tar(t, roottest.File("etc/x", "amd"))}})
	arm := l.Image(roottest.Image{Packed: "gzip", Platform: "linux/arm64", Layers: [][]byte{roottest.Tar(t, roottest.File("etc/x", "arm"))}})
	at := l.Tag(l.Index(roottest.OCIIndex, nil, amd, arm), "part")
	if err := os.Remove(filepath.Join(l.Dir, "blobs", strings.Replace(arm.Digest(), ":", "/", 1))); err != nil {
		t.Fatal(err)
	}
	if out := rig.Fails(t, 2, rig.Certgraft, "patch", at, corp, "--tag", "oci:"+t.TempDir(), "--platform", "linux/arm64"); !strings.Contains(out, "it has linux/amd64") || !strings.Contains(out, "linux/arm64 too, whose content is missing") {
		t.Errorf("%s", out)
	}
	out := rig.Run(t, rig.Certgraft, "patch", at, corp, "--in-place")
	if !strings.Contains(out, "image for linux/arm64") {
		t.Errorf("it is not named: %s", out)
	}
	rig.Run(t, "skopeo", "copy", "--all", strings.TrimSuffix(at, ":part")+":part", "oci:"+t.TempDir()+":all")
}

// An archive keeps the images, the names and the compression that it has, whether it
// is patched in its place, added to, or on its way through a pipe.
func TestI3ArchiveKeepsTheOthers(t *testing.T) {
	file, corp := savedTogether(t, "one:1", "two:2"), rig.NewAuthority(t, "Corp Root").CAFile
	was := ids(t, "one:1", "two:2")
	rig.Run(t, "gzip", file)
	file += ".gz"
	patch(t, "docker-archive:"+file+":two:2", corp, "--in-place")
	patch(t, "docker-archive:"+file+":one:1", corp, "--tag", "docker-archive:"+file+":three:3")
	rig.Run(t, "gzip", "-t", file)
	rig.Docker(t, "rmi", "-f", "one:1", "two:2")
	rig.Docker(t, "load", "-q", "-i", file)
	now := ids(t, "one:1", "two:2", "three:3")
	if now[0] != was[0] || now[1] == was[1] || now[2] == was[0] {
		t.Errorf("%q, were %q", now, was)
	}
	rig.Run(t, "sh", "-c", `"$1" patch -q docker-archive:-:one:1 "$2" < "$3" > "$3.new" 2>/dev/null`, "sh", rig.Certgraft, corp, file)
	rig.Run(t, "gzip", "-t", file+".new")
	rig.Docker(t, "rmi", "-f", "one:1", "two:2", "three:3")
	rig.Docker(t, "load", "-q", "-i", file+".new")
	if last := ids(t, "one:1", "two:2", "three:3"); last[0] != now[2] || last[1] != now[1] || last[2] != now[2] {
		t.Errorf("%q, were %q", last, now)
	}
}

// What is no file system stays in an index as it is, and the images beside it are
// patched.
func TestI9NoFileSystemStays(t *testing.T) {
	l, corp := roottest.NewLayout(t), rig.NewAuthority(t, "Corp Root").CAFile
	amd := l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{roottest.Tar(t, roottest.File("etc/x", "amd"))}})
	blob := l.Blob("application/vnd.oci.image.layer.nydus.blob.v1", []byte("nydus"))
	config := l.JSON("application/vnd.oci.image.config.v1+json", map[string]any{"os": "linux", "architecture": "arm64", "rootfs": map[string]any{"diff_ids": []any{blob["digest"]}}})
	nydus := l.JSON(roottest.OCIManifest, map[string]any{"schemaVersion": 2, "mediaType": roottest.OCIManifest, "config": config, "layers": []any{blob}})
	at := l.Tag(l.Index(roottest.OCIIndex, nil, amd, nydus), "mixed")
	out := rig.Run(t, rig.Certgraft, "patch", at, corp, "--in-place")
	if !strings.Contains(out, "application/vnd.oci.image.layer.nydus.blob.v1") {
		t.Errorf("it is not named: %s", out)
	}
	if raw := rig.Run(t, "skopeo", "inspect", "--raw", at); !strings.Contains(raw, nydus.Digest()) || strings.Contains(raw, amd.Digest()) {
		t.Errorf("%s", raw)
	}
}

// Documents keep their bytes, however they are written: what is patched and taken out
// again has the first digest.
func TestI10DocumentsAreSpliced(t *testing.T) {
	corp := rig.NewAuthority(t, "Corp Root").CAFile
	for name, write := range map[string]string{
		"Python":   `import json,sys; sys.stdout.write(json.dumps(json.load(sys.stdin)))`,
		"indented": `import json,sys; sys.stdout.write(json.dumps(json.load(sys.stdin), indent=3) + "\n\n")`,
		"Jackson":  `import json,sys; sys.stdout.write(json.dumps(json.load(sys.stdin), separators=(" , ", " : ")))`,
		"escaped":  `import json,sys; sys.stdout.write(json.dumps(json.load(sys.stdin)).replace("/", "\\/").replace("linux", "\\u006cinux"))`,
	} {
		l := roottest.NewLayout(t)
		d := l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{roottest.Tar(t, roottest.File("usr/bin/node", "x"), roottest.File("etc/ssl/certs/ca-certificates.crt", rig.Read(t, corp)))}})
		rewrite := func(d roottest.Descriptor) []byte {
			at := filepath.Join(l.Dir, "blobs", strings.Replace(d.Digest(), ":", "/", 1))
			return []byte(rig.Run(t, "sh", "-c", `python3 -c "$1" < "$2"`, "sh", write, at))
		}
		var manifest map[string]any
		if err := json.Unmarshal([]byte(rig.Read(t, filepath.Join(l.Dir, "blobs", strings.Replace(d.Digest(), ":", "/", 1)))), &manifest); err != nil {
			t.Fatal(err)
		}
		config := roottest.Descriptor(manifest["config"].(map[string]any))
		manifest["config"] = l.Blob("application/vnd.oci.image.config.v1+json", rewrite(config))
		again := l.Blob(roottest.OCIManifest, rewrite(l.JSON(roottest.OCIManifest, manifest)))
		index := l.Blob(roottest.OCIIndex, rewrite(l.Index(roottest.OCIIndex, nil, again)))
		at, other := l.Tag(index, "x"), rig.NewAuthority(t, "Other Root").CAFile
		pinned := func() string { return rig.Run(t, "skopeo", "inspect", "--raw", at) }
		was := pinned()
		patch(t, at, other, "--in-place")
		if pinned() == was {
			t.Errorf("%s: nothing was patched", name)
		}
		rig.Run(t, rig.Certgraft, "remove", "--image", at, "--all", "--in-place", "--quiet")
		if now := pinned(); now != was {
			t.Errorf("%s: %s, was %s", name, now, was)
		}
	}
}

// Two processes that patch two images of one archive or layout in place do both.
// Of two that patch the same image one does, and the other says so, unless it came
// later.
func TestI3TwoProcessesOnOnePlace(t *testing.T) {
	dir := t.TempDir()
	authority := func(name string) string { // each is a source of its own
		return rig.Write(t, filepath.Join(dir, name+".pem"), rig.Read(t, rig.NewAuthority(t, name).CAFile))
	}
	corp, more := authority("corp"), [2]string{authority("second"), authority("third")}
	l := roottest.NewLayout(t)
	for _, kind := range []string{"docker-archive:", "oci-archive:", "oci:"} {
		whole := filepath.Join(t.TempDir(), "whole")
		for _, name := range []string{"app:1", "app:2"} {
			from := l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{roottest.Tar(t, roottest.File("etc/ssl/certs/ca-certificates.crt", ""), roottest.File("etc/x", name))}}), name)
			patch(t, from, authority("first"), "--tag", kind+whole+":"+name)
		}
		for round := range 20 {
			file := filepath.Join(t.TempDir(), "images")
			rig.Run(t, "cp", "-r", whole, file)
			one, two := kind+file+":app:1", kind+file+":app:2"
			if said := patchBoth(t, [2]string{one, two}, [2]string{corp, corp}); said[0]+said[1] != "" {
				t.Fatalf("%s, round %d: %q", kind, round, said)
			}
			holds(t, one, corp)
			holds(t, two, corp)
			said := patchBoth(t, [2]string{one, one}, more)
			for i, text := range said {
				if text == "" {
					holds(t, one, more[i])
				} else if !strings.Contains(text, "anew meanwhile") || said[1-i] != "" {
					t.Errorf("%s, round %d: %q", kind, round, said)
				}
			}
			holds(t, two, corp)
		}
	}
}

// patchBoth patches images in place at one time, and returns what went wrong.
func patchBoth(t *testing.T, images, cas [2]string) (said [2]string) {
	t.Helper()
	var group sync.WaitGroup
	for i := range images {
		group.Go(func() {
			if out, err := rig.Try(t, rig.Certgraft, "patch", images[i], cas[i], "--in-place", "--cache", t.TempDir()); err != nil {
				said[i] = err.Error() + ": " + out
			}
		})
	}
	group.Wait()
	return said
}

// holds fails unless an image has what a CA would add to it.
func holds(t *testing.T, image, ca string) {
	t.Helper()
	if out := rig.Run(t, rig.Certgraft, "patch", image, ca, "--dry-run"); !strings.Contains(out, "nothing to do") {
		t.Errorf("%s lost %s:\n%s", image, ca, out)
	}
}
