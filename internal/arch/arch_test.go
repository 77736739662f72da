// Package arch tests that the imports of packages point one way: main →
// internal/command → {bundles, image, installer, probe} → internal/pemfile →
// {certs, keystore, rootfs}; in image: image → known → {registry, store} → layer →
// oci.
package arch

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/certgraft/certgraft"

// rules says which packages a package may import, apart from the standard library,
// golang.org/x and its tests. Paths of this module omit its name.
var rules = map[string][]string{
	"":                              {"internal/command"},
	"internal/command":              {"bundles", "image", "installer", "probe", "certs", "keystore", "rootfs", "internal/command/audit", "internal/command/bill", "internal/command/launch", "internal/command/step", "internal/command/page", "internal/command/words", "github.com/urfave/cli/v2", "github.com/schollz/progressbar/v3", "internal/hint", "internal/atomicfile", "internal/input", "internal/order", "internal/web", "readers", "internal/settings", "internal/command/oci"},
	"bundles":                       {"certs", "internal/hint", "internal/input", "internal/atomicfile", "internal/web", "keystore", "internal/lines", "internal/order"},
	"image":                         {"rootfs", "github.com/klauspost/compress", "image/internal/oci", "image/internal/layer", "image/internal/registry", "image/internal/known", "image/internal/store", "internal/hint", "internal/order"},
	"installer":                     {"readers", "installer/internal/blocklist", "installer/internal/edk2", "internal/pemfile", "certs", "keystore", "rootfs", "internal/hint", "internal/order", "internal/settings", "internal/browser", "installer/internal/distrusted", "installer/internal/recorded"},
	"internal/pemfile":              {"certs", "internal/order"},
	"readers":                       {"certs", "keystore", "rootfs", "internal/pemfile", "internal/settings", "internal/signed", "internal/glob"},
	"probe":                         {"certs", "keystore", "rootfs", "internal/signed", "readers"},
	"keystore":                      {"certs", "github.com/pavlo-v-chernykh/keystore-go/v4", "software.sslmate.com/src/go-pkcs12"},
	"certs":                         {"internal/manifest", "internal/order"},
	"internal/manifest":             {},
	"internal/input":                {},
	"rootfs":                        {"internal/hint", "internal/order"},
	"internal/command/audit":        {"bundles", "certs", "installer", "internal/hint", "internal/order"},
	"internal/command/bill":         {"certs", "installer", "internal/order"},
	"internal/command/launch":       {},
	"internal/command/page":         {"certs", "installer", "internal/command/words", "internal/order"},
	"internal/command/words":        {},
	"internal/command/step":         {"installer", "rootfs"},
	"image/internal/oci":            {"github.com/klauspost/compress", "internal/hint"},
	"image/internal/layer":          {"image/internal/oci", "github.com/klauspost/compress", "internal/hint", "internal/order"},
	"image/internal/registry":       {"image/internal/oci", "certs", "github.com/google/go-containerregistry", "internal/web", "internal/hint", "internal/input"},
	"image/internal/known":          {"image/internal/store", "image/internal/registry", "image/internal/layer", "image/internal/oci", "github.com/google/go-containerregistry", "internal/atomicfile", "internal/web", "internal/hint", "internal/order"},
	"image/internal/store":          {"image/internal/layer", "image/internal/oci", "github.com/klauspost/compress", "internal/web", "internal/hint", "internal/input", "internal/atomicfile"},
	"internal/hint":                 {},
	"internal/browser":              {"rootfs", "internal/glob"},
	"internal/signed":               {"certs"},
	"internal/glob":                 {"rootfs"},
	"internal/lines":                {},
	"internal/order":                {},
	"internal/atomicfile":           {},
	"internal/web":                  {"github.com/hashicorp/go-retryablehttp"},
	"installer/internal/blocklist":  {"certs"},
	"installer/internal/edk2":       {},
	"internal/settings":             {},
	"installer/internal/distrusted": {"installer/internal/edk2", "internal/pemfile", "certs", "keystore", "internal/hint", "internal/order"},
	"installer/internal/recorded":   {"certs", "internal/pemfile"},
	"internal/command/oci":          {"internal/atomicfile"},
}

// tools are packages for development that are not in the binary.
var tools = []string{"bundles/internal/", "internal/roottest", "internal/cases", "internal/ocilayout", "internal/arch", "internal/gen", "internal/release", "e2e"}

type pkg struct {
	ImportPath string
	Imports    []string
}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range list(t) {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if slices.ContainsFunc(tools, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			continue
		}
		allowed, known := rules[name]
		if !known {
			t.Errorf("package %q has no rule: say in this test what it may import", name)
			continue
		}
		for _, imported := range p.Imports {
			if !permitted(imported, allowed) {
				t.Errorf("%s imports %s, which its rule does not allow", p.ImportPath, imported)
			}
		}
	}
}

func permitted(imported string, allowed []string) bool {
	host, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(host, ".") || strings.HasPrefix(imported, "golang.org/x/") {
		return true // the standard library and its annex
	}
	imported = strings.TrimPrefix(imported, module+"/")
	return slices.ContainsFunc(allowed, func(a string) bool {
		return imported == a || strings.Contains(a, ".") && strings.HasPrefix(imported, a+"/")
	})
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
	if len(pkgs) == 0 {
		t.Fatal("go list names no package")
	}
	return pkgs
}
