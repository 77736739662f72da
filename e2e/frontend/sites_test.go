//go:build e2e

package frontend

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// sites are the servers of the package managers, each with one small package, and
// one that says hello.
func sites(t *testing.T) map[string]http.Handler {
	t.Helper()
	all := map[string]http.Handler{}
	for host, files := range map[string]func(*testing.T, string){
		"hello.example": helloSite, "pypi.example": pipSite, "git.example": gitSite, "npm.example": npmSite,
		"maven.example": mavenSite, "go.example": goSite, "apt.example": aptSite,
	} {
		dir := t.TempDir()
		files(t, dir)
		all[host] = http.FileServer(http.Dir(dir))
	}
	return all
}

func helloSite(t *testing.T, dir string) {
	t.Helper()
	rig.Write(t, filepath.Join(dir, "hello"), "hello\n")
}

func pipSite(t *testing.T, dir string) {
	t.Helper()
	const wheel = "demo-1.0-py3-none-any.whl"
	rig.Write(t, filepath.Join(dir, "simple/demo/index.html"), `<!DOCTYPE html><a href="/`+wheel+`">`+wheel+"</a>\n")
	rig.Write(t, filepath.Join(dir, wheel), zipOf(t,
		"demo.py", "text = 'hello'\n",
		"demo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
		"demo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
		"demo-1.0.dist-info/RECORD", "demo.py,,\ndemo-1.0.dist-info/METADATA,,\ndemo-1.0.dist-info/WHEEL,,\ndemo-1.0.dist-info/RECORD,,\n"))
}

func gitSite(t *testing.T, dir string) {
	t.Helper()
	rig.Run(t, "sh", "-ec", `cd "$2" && git init -q work && cd work && echo hello > hello && git add hello && git -c user.name=t -c user.email=t@t.example commit -qm hello
cd .. && git clone -q --bare work "$1/demo.git" && git -C "$1/demo.git" update-server-info && rm -r work`, "sh", dir, t.TempDir())
}

func npmSite(t *testing.T, dir string) {
	t.Helper()
	rig.Write(t, filepath.Join(dir, "package/package.json"), `{"name": "demo", "version": "1.0.0"}`)
	rig.Run(t, "tar", "-C", dir, "-czf", filepath.Join(dir, "demo-1.0.0.tgz"), "package")
	rig.Write(t, filepath.Join(dir, "demo"), `{"name": "demo", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0":
		{"name": "demo", "version": "1.0.0", "dist": {"tarball": "https://npm.example/demo-1.0.0.tgz"}}}}`)
}

func mavenSite(t *testing.T, dir string) {
	t.Helper()
	rig.Write(t, filepath.Join(dir, "example/parent/1/parent-1.pom"),
		"<project><modelVersion>4.0.0</modelVersion><groupId>example</groupId><artifactId>parent</artifactId><version>1</version><packaging>pom</packaging></project>\n")
}

func goSite(t *testing.T, dir string) {
	t.Helper()
	const mod = "module demo.example/hello\n"
	below := func(name string) string { return filepath.Join(dir, "demo.example/hello/@v", name) }
	rig.Write(t, below("v1.0.0.info"), `{"Version": "v1.0.0"}`)
	rig.Write(t, below("v1.0.0.mod"), mod)
	rig.Write(t, below("v1.0.0.zip"), zipOf(t, "demo.example/hello@v1.0.0/go.mod", mod, "demo.example/hello@v1.0.0/hello.go", "package hello\n"))
}

func aptSite(t *testing.T, dir string) {
	t.Helper()
	const control = "Package: demo\nVersion: 1.0\nArchitecture: all\nMaintainer: t <t@t.example>\nDescription: says hello\n"
	tree := t.TempDir()
	rig.Write(t, filepath.Join(tree, "DEBIAN/control"), control)
	rig.Write(t, filepath.Join(tree, "srv/demo"), "hello\n")
	rig.Run(t, "dpkg-deb", "--build", "--root-owner-group", tree, filepath.Join(dir, "demo.deb"))
	deb := rig.Read(t, filepath.Join(dir, "demo.deb"))
	rig.Write(t, filepath.Join(dir, "Packages"), fmt.Sprintf("%sFilename: ./demo.deb\nSize: %d\nSHA256: %x\n", control, len(deb), sha256.Sum256([]byte(deb))))
}

// zipOf returns an archive of files, each a name and its text.
func zipOf(t *testing.T, files ...string) string {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
