package readers

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/rootfs"
)

// foundIn returns the readers in a tree, as "ID RELEASE PATH".
func foundIn(tree fstest.MapFS, environ map[string]string, ids ...string) (all []string) {
	for _, i := range In(rootfs.NewOverlay(tree), environ) {
		if slices.Contains(ids, i.ID) {
			all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s", i.ID, i.Release, i.Path)))
		}
	}
	return all
}

func file(data string) *fstest.MapFile { return &fstest.MapFile{Mode: 0o755, Data: []byte(data)} }

func linkTo(to string) *fstest.MapFile {
	return &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte(to)}
}

// Java is found in each usual directory, once, with its release.
func TestR11Java(t *testing.T) {
	for _, home := range []string{
		"usr/lib/jvm/java-21-openjdk-amd64", "usr/share/elasticsearch/jdk", "usr/share/opensearch/jdk", "layers/paketo-buildpacks_bellsoft-liberica/jre",
		"home/u/.sdkman/candidates/java/21.0.5-tem", "home/u/.local/share/mise/installs/java/21", "home/u/.asdf/installs/java/temurin-21", "root/.gradle/jdks/eclipse_adoptium-21",
		"opt/hostedtoolcache/Java_Temurin-Hotspot_jdk/21.0.5/x64", "opt/idea/jbr", "opt/app/jre", "opt/bitnami/java", "home/linuxbrew/.linuxbrew/opt/openjdk@21/libexec",
	} {
		tree := fstest.MapFS{home + "/lib/security/cacerts": file("x"), home + "/release": file("IMPLEMENTOR=\"X\"\nJAVA_VERSION=\"21.0.5\"\n"), home + "/bin/java": file("")}
		if got, want := foundIn(tree, nil, "java"), []string{"java 21.0.5 /" + home}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A runtime outside the usual directories is found by a program on PATH that leads
// to it, and by the variable that names it.
func TestR11JavaByPathAndVariable(t *testing.T) {
	tree := fstest.MapFS{
		"srv/x/y/z/lib/security/cacerts": file("x"), "srv/x/y/z/bin/java": file(""), "usr/local/bin/java": linkTo("/etc/alternatives/java"), "etc/alternatives/java": linkTo("/srv/x/y/z/bin/java"),
	}
	want := []string{"java  /srv/x/y/z"}
	if got := foundIn(tree, map[string]string{"PATH": "/usr/local/bin"}, "java"); !slices.Equal(got, want) {
		t.Errorf("by PATH: %q, want %q", got, want)
	}
	delete(tree, "usr/local/bin/java")
	if got := foundIn(tree, map[string]string{"GRAALVM_JAVA_HOME": "/srv/x/y/z/"}, "java"); !slices.Equal(got, want) {
		t.Errorf("by a variable: %q, want %q", got, want)
	}
	if got := foundIn(tree, nil, "java"); len(got) > 0 {
		t.Errorf("by neither: %q", got)
	}
}

// Node is found under each version manager. A distribution's Node is another
// reader.
func TestR11Node(t *testing.T) {
	for program, want := range map[string]string{
		"usr/bin/node": "node-debian  /usr/bin/node", "home/u/.nvm/versions/node/v22.5.1/bin/node": "node 22.5.1 /home/u/.nvm/versions/node/v22.5.1/bin/node",
		"root/.nvm/versions/node/v20.1.0/bin/node":               "node 20.1.0 /root/.nvm/versions/node/v20.1.0/bin/node",
		"home/u/.local/share/mise/installs/node/22.5.1/bin/node": "node 22.5.1 /home/u/.local/share/mise/installs/node/22.5.1/bin/node",
		"home/u/.asdf/installs/nodejs/24.0.0/bin/node":           "node 24.0.0 /home/u/.asdf/installs/nodejs/24.0.0/bin/node",
		"home/u/.volta/tools/image/node/22.5.1/bin/node":         "node 22.5.1 /home/u/.volta/tools/image/node/22.5.1/bin/node",
		"usr/local/bin/node":                                     "node  /usr/local/bin/node",
	} {
		tree := fstest.MapFS{program: file(""), "usr/lib/x86_64-linux-gnu/libnode.so.115": file("")}
		if got := foundIn(tree, nil, "node", "node-debian"); !slices.Equal(got, []string{want}) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	official := fstest.MapFS{"usr/local/bin/node": file(""), "usr/local/include/node/node_version.h": file("#define NODE_MAJOR_VERSION 22\n")}
	if got, want := foundIn(official, nil, "node"), []string{"node 22 /usr/local/bin/node"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A reader whose rules depend on the release is found with its release.
func TestReleases(t *testing.T) {
	tree := fstest.MapFS{
		"usr/bin/python3": linkTo("python3.13"), "usr/bin/python3.13": file(""), "usr/local/bin/python3.11": file(""),
		"usr/lib/python3/dist-packages/requests/__init__.py": file(""), "usr/lib/python3/dist-packages/requests-2.32.3.egg-info/PKG-INFO": file(""),
		"home/u/.venv/lib/python3.13/site-packages/httpx/__init__.py": file(""), "home/u/.venv/lib/python3.13/site-packages/httpx-0.28.1.dist-info/METADATA": file(""),
		"usr/lib/erlang/releases/27/OTP_VERSION": file("27.3"),
	}
	want := []string{
		"python 3.11 /usr/local/bin/python3.11", "python 3.13 /usr/bin/python3.13", "requests 2.32.3 /usr/lib/python3/dist-packages/requests",
		"httpx 0.28.1 /home/u/.venv/lib/python3.13/site-packages/httpx", "erlang 27 /usr/lib/erlang",
	}
	if got := foundIn(tree, nil, "python", "requests", "httpx", "erlang"); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// The shims of version managers on PATH are not programs.
func TestShims(t *testing.T) {
	tree := fstest.MapFS{
		"root/.pyenv/shims/python3.13": file("#!/bin/sh"), "root/.pyenv/versions/3.13.1/bin/python3.13": file(""),
		"root/.volta/bin/node": linkTo("volta-shim"), "root/.volta/bin/volta-shim": file(""), "root/.volta/tools/image/node/22.5.1/bin/node": file(""),
	}
	want := []string{"python 3.13 /root/.pyenv/versions/3.13.1/bin/python3.13", "node 22.5.1 /root/.volta/tools/image/node/22.5.1/bin/node"}
	if got := foundIn(tree, map[string]string{"PATH": "/root/.pyenv/shims:/root/.volta/bin"}, "python", "node"); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A root without readers gives none, and a loop of links ends.
func TestNoReader(t *testing.T) {
	tree := fstest.MapFS{"usr/bin/java": linkTo("/usr/bin/jawa"), "usr/bin/jawa": linkTo("/usr/bin/java"), "usr/bin/node": linkTo("../../../..")}
	if got := In(rootfs.NewOverlay(tree), map[string]string{"PATH": "/*:[:/usr/bin:", "JAVA_HOME": "/usr/bin/java"}); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}
