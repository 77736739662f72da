//go:build e2e

package compare

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/roottest"
)

// onRoot is what is done to each root, which is in root. The place has the sources
// corp.pem and other.pem too.
var onRoot = []string{
	"inspect root",
	"inspect --json root",
	"inspect --html page.html root",
	"env --root root",
	"env --root root --all --format json",
	"env --root root --all --format dockerfile",
	"env --root root --format compose",
	"bundle --with-system --root root --output with.pem corp.pem",
	"diff root corp.pem",
	"install --root root --dry-run --json corp.pem",
	"install --root root --output out --offline aws-rds corp.pem",
	"install --root root --verbose --offline aws-rds corp.pem",
	"install --root root --offline --json aws-rds corp.pem",
	"inspect --json root",
	"diff --json root with.pem",
	"install --root root other.pem",
	"install --root root --sync --json other.pem",
	"remove --root root --dry-run aws-rds",
	"remove --root root aws-rds",
	"remove --root root --json corp.pem",
	"remove --root root --all",
	"remove --root root --all",
	"inspect --json root",
	"install --root root --append --with-mozilla corp.pem",
	"install --root root --stores java,system --keep-going corp.pem",
	"install --root root --stores none corp.pem",
	"inspect root",
	"remove --root root --all --json",
}

// roots are the golden trees, roots that the distributions' own tools made, and
// some with little or nothing in them.
func roots(t *testing.T) (all []scene) {
	t.Helper()
	other := roottest.NewCA(t, "Other Root").PEM()
	add := func(name string, lay func(t *testing.T, root string)) {
		all = append(all, scene{name, func(t *testing.T, dir string) {
			rig.Run(t, "cp", rig.File("testdata/bundles/corp.pem"), filepath.Join(dir, "corp.pem"))
			rig.Write(t, filepath.Join(dir, "other.pem"), other)
			rig.Run(t, "mkdir", filepath.Join(dir, "root"))
			lay(t, filepath.Join(dir, "root"))
		}, onRoot})
	}
	for name, tree := range trees(t) {
		add(name, func(t *testing.T, root string) { roottest.WriteTo(t, tree, root) })
	}
	for name, made := range madeRoots(t) {
		add(name, func(t *testing.T, root string) { rig.Run(t, "cp", "-a", made+"/.", root) })
	}
	for _, archive := range dataFiles(t, "layouts/*.tar.gz") {
		add(filepath.Base(archive), func(t *testing.T, root string) { rig.Run(t, "tar", "-C", root, "-xzf", archive) })
	}
	return all
}

// trees are the golden trees, and some that no distribution has.
func trees(t *testing.T) map[string]fstest.MapFS {
	t.Helper()
	files, err := filepath.Glob(rig.File("testdata/roots/*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden trees: %v", err)
	}
	all := map[string]fstest.MapFS{
		"nothing": {"bin/app": {Mode: 0o755}},
		"bundle only": {
			"etc/ssl/certs/ca-certificates.crt":                        {Data: []byte(rig.Read(t, rig.File("testdata/bundles/corp.pem"))), Mode: 0o644},
			"opt/venv/lib/python3.12/site-packages/certifi/cacert.pem": {Data: []byte(roottest.NewCA(t, "Certifi").PEM()), Mode: 0o644},
		},
		"alpine": {
			"etc/os-release":                    {Data: []byte("ID=alpine\n"), Mode: 0o644},
			"etc/ssl/certs/ca-certificates.crt": {Data: []byte(roottest.NewCA(t, "Theirs").PEM()), Mode: 0o644},
			"etc/ssl/cert.pem":                  {Data: []byte("certs/ca-certificates.crt"), Mode: fs.ModeSymlink | 0o777},
		},
	}
	for _, file := range files {
		all[filepath.Base(file)] = roottest.TreeFile(t, file)
	}
	return all
}

// madeRoots returns directories with whole roots.
func madeRoots(t *testing.T) map[string]string {
	t.Helper()
	made := map[string]string{
		"debian bookworm": rig.Debian(t, "bookworm"), "debian trixie": rig.Debian(t, "trixie"), "java": rig.JavaRoot(t, "bookworm"), "distroless": rig.Distroless(t),
	}
	for _, f := range rig.P11Families {
		root := f.Root(t)
		f.LayMozilla(t, root)
		f.Tool(t, root)
		made["p11-kit "+f.Name] = root
	}
	return made
}

// onImage is what is done to each image, which is IMAGE.
var onImage = []string{
	"inspect IMAGE",
	"inspect --json IMAGE",
	"diff IMAGE corp.pem",
	"patch IMAGE corp.pem --offline --dry-run --json",
	"patch IMAGE corp.pem --offline --print-plan --json",
	"patch IMAGE corp.pem --offline --tag oci:append:1 --scan all",
	"patch IMAGE --offline aws-rds corp.pem --tag oci:append:2 --json --with-mozilla --env auto --label a=b --annotation c=d",
	"patch IMAGE corp.pem --offline --with-mozilla --tag oci:rewrite:1 --layer rewrite --cache cache",
	"patch oci:append:2 corp.pem --offline --in-place --cache cache --metadata-file meta.json --sync",
	"patch IMAGE corp.pem --offline --with-mozilla --tag oci-archive:out.tar --tag docker-archive:docker.tar:a:1",
	"patch docker-archive:docker.tar aws-rds --offline --tag oci:again:1",
	"remove --image oci-archive:out.tar corp.pem --tag docker-archive:back.tar:b:2",
	"inspect --json oci:append:2",
	"diff oci:append:1 oci:append:2",
	"remove --image oci:append:1 --all --tag oci:back:1 --json",
	"remove --image oci:rewrite:1 --all --tag oci:back:2 --layer rewrite",
}

// images are those that other programs made, and some of the golden trees in
// layouts, archives and indexes.
func images(t *testing.T) (all []scene) {
	t.Helper()
	add := func(name, ref string) {
		kind, _, _ := strings.Cut(ref, ":")
		var steps []string
		for _, s := range onImage {
			steps = append(steps, strings.ReplaceAll(s, "IMAGE", ref))
		}
		all = append(all, scene{name + " " + kind, func(t *testing.T, dir string) {
			rig.Run(t, "cp", rig.File("testdata/bundles/corp.pem"), filepath.Join(dir, "corp.pem"))
		}, steps})
	}
	for _, file := range dataFiles(t, "images/*") {
		name := filepath.Base(file)
		switch info, err := os.Stat(file); {
		case err != nil:
			t.Fatal(err)
		case info.IsDir():
			for i, tag := range tags(t, file) {
				add(fmt.Sprint(name, " ", i), "oci:"+file+tag)
			}
		case strings.Contains(name, ".tar"), strings.HasSuffix(name, ".oci"):
			add(name, "docker-archive:"+file)
			add(name, "oci-archive:"+file)
		}
	}
	for name, ref := range madeImages(t) {
		add(name, ref)
	}
	return all
}

// tags returns how each image of a layout is named behind its directory, and once
// no name.
func tags(t *testing.T, layout string) []string {
	t.Helper()
	all := []string{""}
	data, err := os.ReadFile(filepath.Join(layout, "index.json"))
	if err != nil {
		return all
	}
	var index struct {
		Manifests []struct{ Annotations map[string]string }
	}
	if err := json.Unmarshal(data, &index); err != nil {
		return all
	}
	for _, m := range index.Manifests {
		if tag := m.Annotations["org.opencontainers.image.ref.name"]; tag != "" && !slices.Contains(all, ":"+tag) {
			all = append(all, ":"+tag)
		}
	}
	return all
}

// madeImages returns layouts of golden trees: packed in each way, with several
// layers, and for several platforms.
func madeImages(t *testing.T) map[string]string {
	t.Helper()
	made := map[string]string{}
	golden := trees(t)
	l := roottest.NewLayout(t)
	above := roottest.Tar(t, roottest.Dir("opt/"), roottest.File("opt/app", "app"), roottest.File("etc/.wh.os-release", ""))
	packs := []string{"gzip", "zstd", ""}
	var both []roottest.Descriptor
	for i, name := range slices.Sorted(maps.Keys(golden)) {
		layer := roottest.TarTree(t, golden[name])
		image := roottest.Image{Packed: packs[i%len(packs)], Layers: [][]byte{layer}}
		if i%2 == 1 {
			image.Layers = append(image.Layers, above)
		}
		made["made "+name] = l.Tag(l.Image(image), fmt.Sprint("t", i))
		if len(both) < 2 {
			image.Platform = []string{"linux/amd64", "linux/arm64"}[len(both)]
			both = append(both, l.Image(image))
		}
	}
	made["made index"] = l.Tag(l.Index(roottest.OCIIndex, nil, both...), "both")
	return made
}

// sources are the odd files: each is read, written in every format and installed.
func sources(t *testing.T) (all []scene) {
	t.Helper()
	for _, dir := range []string{"oddities", "poison", "cases", "bundles"} {
		for _, file := range dataFiles(t, dir+"/*", dir+"/*/*", dir+"/*/*/*", dir+"/*/*/*/*") {
			if info, err := os.Stat(file); err != nil || info.IsDir() || strings.ContainsAny(file, " \t") {
				continue
			}
			steps := []string{"inspect " + file, "inspect --json " + file, "bundle " + file, "bundle --json --expired keep --non-ca skip --output b.pem " + file}
			if dir != "bundles" {
				steps = append(steps, "install --root root --json "+file, "remove --root root --all", "lock "+file)
			}
			all = append(all, scene{strings.TrimPrefix(file, os.Getenv("CERTGRAFT_TESTDATA")+"/"), layBundle, steps})
		}
	}
	corp := rig.File("testdata/bundles/corp.pem")
	formats := scene{"formats", layBundle, nil}
	for _, format := range []string{"pem", "split", "der", "jks", "configmap"} {
		formats.steps = append(formats.steps, fmt.Sprintf("bundle --offline --format %s --output %s-out aws-rds %s", format, format, corp))
	}
	formats.steps = append(formats.steps, "bundle --format x "+corp, "bundle --offline --format jks aws-rds", "bundle --json --output p.pem root",
		"diff jks-out pem-out", "inspect --json jks-out", "inspect split-out", "bundle split-out", "install --root root jks-out")
	locks := scene{"lock", layBundle, []string{
		"lock --offline aws-rds " + corp, "lock --check --offline", "lock --check --offline --json --within 36500", "lock --update --offline", "install --root root --offline --lock certgraft.lock",
		"install --root root --offline --lock certgraft.lock --policy additions aws-rds:eu-west-1", "lock --check missing", "bundle --lock certgraft.lock --offline",
	}}
	runs := scene{"run", layBundle, []string{
		"run " + corp + " -- env printenv CERTGRAFT_NONE", "run " + corp + " -- sha256sum root/etc/ssl/certs/ca-certificates.crt", "run " + corp, "run nothing -- true", "run " + corp + " -- /nowhere",
	}}
	return append(all, formats, locks, runs)
}

// layBundle lays a root with a bundle in it.
func layBundle(t *testing.T, dir string) {
	t.Helper()
	rig.Write(t, filepath.Join(dir, "root/etc/ssl/certs/ca-certificates.crt"), rig.Read(t, rig.File("testdata/bundles/corp.pem")))
}

// catalogue is what is known without a source, and the help.
func catalogue(t *testing.T) []scene {
	t.Helper()
	var providers []struct {
		ID string `json:"id"`
	}
	text := rig.Run(t, rig.Certgraft, "list", "--json")
	if err := json.Unmarshal([]byte(text), &providers); err != nil || len(providers) == 0 {
		t.Fatalf("list --json: %v\n%.300s", err, text)
	}
	steps := []string{"list", "list --json", "list --search postgres", "list nothing", "version --json", "", "help", "completion bash", "completion zsh", "completion fish", "completion", "nothing", "install", "remove", "install --nothing"}
	for _, command := range []string{"install", "remove", "patch", "bundle", "run", "env", "inspect", "list", "verify", "lock", "diff", "completion", "version"} {
		steps = append(steps, command+" --help", "help "+command)
	}
	for _, p := range providers {
		steps = append(steps, "list "+p.ID, "list --json "+p.ID, "bundle --offline "+p.ID)
	}
	return []scene{{"catalogue", nil, steps}}
}

// dataFiles returns the files of the collection that match, in order.
func dataFiles(t *testing.T, patterns ...string) (all []string) {
	t.Helper()
	dir := os.Getenv("CERTGRAFT_TESTDATA")
	if dir == "" {
		t.Log("CERTGRAFT_TESTDATA is not set: what is in it is not compared")
		return nil
	}
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, files...)
	}
	slices.Sort(all)
	return all
}
