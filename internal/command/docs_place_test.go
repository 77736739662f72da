package command_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/command"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/keystore"
)

// docWorld is the world outside of the command lines in the documentation: a
// registry, and a proxy that leads to every server.
type docWorld struct {
	registry *roottest.Registry
	proxy    string // HOST:PORT
	ca, old  *roottest.CA
	bin      string          // directory of the programs
	layout   string          // of the image in each place
	pushed   map[string]bool // images that the registry has
}

// docPrograms are programs that a command line may start. Stubs play them and
// check their arguments.
var docPrograms = []string{"docker", "jq", "psql", "pip", "npm", "curl", "mvn", "bundle", "go", "apt-get", "git", "python3", "node", "java"}

// docTools are programs that run as they are.
var docTools = []string{"bash", "sh", "cat", "ls", "mkdir", "cp", "env", "grep", "sed", "head", "sort", "true", "tee", "test", "xargs"}

func newDocWorld(t *testing.T) *docWorld {
	t.Helper()
	w := &docWorld{registry: roottest.NewRegistry(t), ca: roottest.NewCA(t, "Corp Root"), old: roottest.NewCA(t, "Old Root"), bin: t.TempDir(), pushed: map[string]bool{}}
	for _, name := range docTools {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Skipf("no %s here", name)
		}
		check(t, os.Symlink(path, filepath.Join(w.bin, name)))
	}
	for name, registered := range map[string]string{"certgraft": "certgraft-in-docs", "stub": "docs-stub"} {
		path, err := exec.LookPath(registered)
		check(t, err)
		check(t, os.WriteFile(filepath.Join(w.bin, name), []byte("#!"+filepath.Join(w.bin, "bash")+"\nexec "+path+" \"$@\"\n"), 0o755))
	}
	for _, name := range docPrograms {
		check(t, os.WriteFile(filepath.Join(w.bin, name), []byte("#!"+filepath.Join(w.bin, "bash")+"\nexec stub "+name+" \"$@\"\n"), 0o755))
	}
	layout := roottest.NewLayout(t)
	tree := roottest.TarTree(t, roottest.TreeFile(t, "../../testdata/roots/bookworm.before.txtar"))
	layout.Tag(layout.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{tree}}), "1")
	w.layout, w.proxy = layout.Dir, w.serve(t)
	return w
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// place makes a directory for the lines of one block. It has the files that the
// documentation names, the root live/ in place of /, and other files that the
// block names.
func (w *docWorld) place(t *testing.T, block string) string {
	t.Helper()
	dir := t.TempDir()
	for root, named := range map[string]string{"live": "", "live/mnt": "/mnt", "live/mnt/root": "/mnt/root", "live/base": "/base", "root": "./root"} {
		if !strings.Contains(block, named) {
			continue
		}
		roottest.WriteTo(t, roottest.TreeFile(t, "../../testdata/roots/bookworm.before.txtar"), filepath.Join(dir, root))
	}
	for name, text := range map[string]string{
		"corp.pem": w.ca.PEM(), "proxy.pem": w.ca.PEM(), "ca.pem": w.ca.PEM(), "new.pem": w.ca.PEM(), "old.pem": w.old.PEM(), "rds.pem": w.old.PEM(),
		"more-cas/one.pem": w.old.PEM(), "live/run/secrets/corp-ca.pem": w.ca.PEM(),
		"live/run/secrets/corp.pem": w.ca.PEM(), "live/etc/corp/ca.pem": w.ca.PEM(),
		"password.txt":  "another one\n",
		"policy.json":   `{"version":1,"require":["./corp.pem"],"within":90}`,
		"rollover.json": `{"version": 1, "require": ["./new.pem"], "forbid": ["./old.pem"]}`,
		"images.txt":    w.registry.Host + "/app:1 " + w.registry.Host + "/app:1-ca\n",
		"home/.zfunc/":  "", "home/.local/share/bash-completion/completions/": "", "home/.config/fish/completions/": "",
		"live/var/cache/certgraft/": "", "live/tmp/": "",
		"live/usr/lib/chromium/chromium": "",
	} {
		full := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			check(t, os.MkdirAll(full, 0o755))
			continue
		}
		check(t, os.MkdirAll(filepath.Dir(full), 0o755))
		check(t, os.WriteFile(full, []byte(text), 0o644))
	}
	check(t, os.CopyFS(filepath.Join(dir, "image"), os.DirFS(w.layout)))
	return dir
}

// shell runs a line in a shell with the programs of the world and the files of
// dir. Absolute paths are below dir/live.
func (w *docWorld) shell(t *testing.T, dir, line string) (string, error) {
	t.Helper()
	line = regexp.MustCompile(`(^|[|;&(]\s*|\s-- )/certgraft `).ReplaceAllString(line, "${1}certgraft ")
	line = regexp.MustCompile(`(>>?\s*)/([a-z])`).ReplaceAllString(line, "${1}"+dir+"/live/$2")
	line = regexp.MustCompile(`\$\{\{[^}]*\}\}`).ReplaceAllString(line, "x")
	line = regexp.MustCompile(`\$\(params\.(\w+)\)`).ReplaceAllString(line, "registry.example.com/app:$1")
	w.push(t, dir, line)
	w.archive(t, dir, line)
	if strings.Contains(line, "certgraft.lock") || strings.Contains(line, "lock --") {
		w.lock(t, dir)
	}
	w.files(t, dir, line)
	if plainLine.MatchString(line) {
		return w.call(t, dir, words(line)...)
	}
	return w.start(t, dir, line)
}

// start runs a line in a shell.
func (w *docWorld) start(t *testing.T, dir, line string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(w.bin, "bash"), "-euo", "pipefail", "-c", line)
	cmd.Dir = dir
	cmd.Env = w.environ(dir)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// plainLine is a command line that needs neither a shell nor a process of its own.
// net/http reads the proxy from the environment only once in a process.
var plainLine = regexp.MustCompile(`^certgraft (bundle|diff|env|inspect|install|list|lock|patch|remove|verify|version) [^|&;<>$()~]*(#.*)?$`)

// call runs a command line in this process, because that is faster.
func (w *docWorld) call(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	if slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "https://") }) && args[1] != "verify" {
		return w.start(t, dir, strings.Join(args, " "))
	}
	t.Chdir(dir)
	for _, variable := range w.environ(dir) {
		name, value, _ := strings.Cut(variable, "=")
		if name != "PATH" {
			t.Setenv(name, value)
		}
	}
	args, err := docArgs(args)
	check(t, err)
	var out bytes.Buffer
	if status := docStatus(args, command.Run(t.Context(), args, strings.NewReader(""), &out, &out)); status != 0 {
		err = fmt.Errorf("status %d", status)
	}
	return out.String(), err
}

func (w *docWorld) environ(dir string) []string {
	return []string{
		"PATH=" + w.bin, "HOME=" + filepath.Join(dir, "home"), "TMPDIR=" + filepath.Join(dir, "live/tmp"), "LC_ALL=C", "SOURCE_DATE_EPOCH=1800000000",
		"CERTGRAFT_DOCS=" + dir, "CERTGRAFT_DOCS_PROXY=" + w.proxy, "CERTGRAFT_DOCS_REGISTRY=" + w.registry.Host, "CERTGRAFT_DOCS_LAYOUT=" + filepath.Join(dir, "image"),
		"PIN=" + rdsPin(), "IMAGE=registry.example.com/app:1", "CI_REGISTRY_IMAGE=registry.example.com/app", "CI_COMMIT_SHORT_SHA=0123abcd", "GITHUB_SHA=0123abcd",
	}
}

// docDirectories are directories of CAs that pages name.
var docDirectories = []string{"/usr/share/igtf-policy/classic", "/usr/share/igtf-policy/mics", "/etc/corp/cas", "/certs"}

var docFile = regexp.MustCompile(`^[\w./-]+\.(pem|crt|cer|json|zip|p12|jks)$`)

// files makes the files that a line names and that a user would have: each with
// one CA, in the format that its name says.
func (w *docWorld) files(t *testing.T, dir, line string) {
	t.Helper()
	for _, word := range words(line) {
		name := filepath.Join(dir, word)
		if strings.HasPrefix(word, "/") {
			name = filepath.Join(dir, "live", word)
		}
		if strings.HasSuffix(word, ".cdx.json") { // the command writes it
			continue
		}
		if slices.Contains(docDirectories, word) {
			name = filepath.Join(name, "ca.pem")
		} else if !docFile.MatchString(word) {
			continue
		}
		if _, err := os.Stat(name); err == nil {
			continue
		}
		data := []byte(w.ca.PEM())
		switch filepath.Ext(name) {
		case ".json":
			data, _ = json.Marshal(map[string]string{"certificate": w.ca.PEM()})
		case ".p12", ".jks":
			data = w.keystore(t, filepath.Ext(name))
		case ".zip":
			data = zipped(t, "ca.pem", data)
		}
		check(t, os.MkdirAll(filepath.Dir(name), 0o755))
		check(t, os.WriteFile(name, data, 0o644))
	}
}

// keystore returns a truststore: with the password of the pages, or without one.
func (w *docWorld) keystore(t *testing.T, format string) []byte {
	t.Helper()
	s := keystore.NewPKCS12("")
	if format == ".jks" {
		s = keystore.NewJKS("another one")
	}
	c, err := certs.ParseCertificate(w.ca.DER)
	check(t, err)
	check(t, s.Add(keystore.Entry{Alias: "corp", Created: c.NotBefore(), Cert: c}))
	data, err := s.Encode()
	check(t, err)
	return data
}

func zipped(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	check(t, err)
	_, err = w.Write(data)
	check(t, err)
	check(t, z.Close())
	return b.Bytes()
}

// lock writes the lock that a line needs, as the page says to do before.
func (w *docWorld) lock(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, "certgraft.lock")); err == nil {
		return
	}
	if out, err := w.call(t, dir, "certgraft", "lock", "aws-rds", "./corp.pem"); err != nil {
		t.Fatalf("lock: %v\n%s", err, out)
	}
}

// imageName finds the names of images in registries.
var imageName = regexp.MustCompile(`(?:^|[\s"'=])(?:docker://)?((?:registry\.example\.com|ghcr\.io)/[a-z0-9/._-]+(?::[A-Za-z0-9._-]+)?)|docker://([a-z0-9/]+:[a-z0-9._-]+)`)

// push puts the images that a line names into the registry, once.
func (w *docWorld) push(t *testing.T, dir, line string) {
	t.Helper()
	line = strings.NewReplacer("$IMAGE", "registry.example.com/app:1", "$CI_REGISTRY_IMAGE", "registry.example.com/app", "$CI_COMMIT_SHORT_SHA", "0123abcd").Replace(line)
	if strings.Contains(line, "images.txt") {
		line += " registry.example.com/app:1 registry.example.com/app:1-ca"
	}
	for _, m := range imageName.FindAllStringSubmatch(line, -1) {
		name := inRegistry(w.registry.Host, "docker://"+m[1]+m[2])
		if w.pushed[name] {
			continue
		}
		w.pushed[name] = true
		if out, err := w.call(t, dir, "certgraft", "patch", "oci:image:1", "old.pem", "--tag", name); err != nil {
			t.Fatalf("push %s: %v\n%s", name, err, out)
		}
	}
}

var archiveName = regexp.MustCompile(`patch (docker-archive:\w+\.tar) `)

// archive makes the archive that a line patches.
func (w *docWorld) archive(t *testing.T, dir, line string) {
	t.Helper()
	if m := archiveName.FindStringSubmatch(line); m != nil {
		if out, err := w.call(t, dir, "certgraft", "patch", "oci:image:1", "old.pem", "--tag", m[1]); err != nil {
			t.Fatalf("archive: %v\n%s", err, out)
		}
	}
}

var hubName = regexp.MustCompile(`^(docker://)?([a-z0-9-]+\.)+[a-z]+/`)

// inRegistry returns the name of an image in the registry of the world.
func inRegistry(host, name string) string {
	bare := strings.TrimPrefix(name, "docker://")
	switch {
	case strings.HasPrefix(bare, host):
		return bare
	case hubName.MatchString(name):
		_, rest, _ := strings.Cut(bare, "/")
		return host + "/" + rest
	case bare != name:
		return host + "/" + bare
	}
	return name
}
