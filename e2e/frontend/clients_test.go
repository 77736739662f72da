//go:build e2e

package frontend

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/roottest"
)

// fetch is a stage that downloads by one client, into /srv/NAME. Its lines name
// neither a CA nor a proxy.
type fetch struct{ name, lines string }

// fewFetches need little room, and allFetches are the rest too: without the stage
// "bare", whose program gets no environment.
var (
	fewFetches = []fetch{
		{"curl", "RUN curl -fsS https://hello.example/hello -o /srv/curl"},
		{"wget", `RUN ["wget", "-nv", "--tries=1", "-O", "/srv/wget", "https://hello.example/hello"]`},
		{"python", "RUN python3 -c 'import urllib.request as u; open(\"/srv/python\", \"wb\").write(u.urlopen(\"https://hello.example/hello\").read())'"},
		{"git", "RUN git clone -q https://git.example/demo.git /srv/work && mv /srv/work/hello /srv/git"},
		{"node", "RUN <<E\n#!/usr/bin/env node\nfetch('https://hello.example/hello').then(r => r.text()).then(text => require('fs').writeFileSync('/srv/node', text))\nE"},
		{"apt", "RUN rm -f /etc/apt/sources.list.d/* && echo 'deb [trusted=yes] https://apt.example/ ./' > /etc/apt/sources.list\n" +
			"SHELL [\"/bin/bash\", \"-e\", \"-c\"]\nRUN --mount=type=cache,target=/var/cache/apt apt-get -qq -o Acquire::Retries=0 --error-on=any update; apt-get -qq install demo; mv /srv/demo /srv/apt"},
		{"nobody", "RUN chmod 777 /srv\nUSER nobody\nRUN curl -fsS https://hello.example/hello -o /srv/nobody"},
	}
	bare       = fetch{"bare", "RUN env -i curl -fsS https://hello.example/hello -o /srv/bare"}
	allFetches = append([]fetch{
		{"pip", "RUN pip install --retries 0 --no-deps --index-url https://pypi.example/simple --target /srv/work demo && python3 -c 'import sys; sys.path.append(\"/srv/work\"); import demo; print(demo.text)' > /srv/pip"},
		{"npm", "WORKDIR /srv/work\nRUN npm install --registry https://npm.example --fetch-retries 0 --no-audit --no-update-notifier demo && test -f node_modules/demo/package.json && echo hello > /srv/npm"},
		{"java", "COPY Get.java /srv/\nRUN java /srv/Get.java https://hello.example/hello > /srv/java"},
		{"maven", "WORKDIR /srv/work\nCOPY pom.xml .\nRUN mvn --batch-mode validate && echo hello > /srv/maven"},
		{"go", "COPY go /usr/local/go\nENV GOROOT=/usr/local/go PATH=$PATH:/usr/local/go/bin GOPROXY=https://go.example GONOSUMDB=* GOFLAGS=-modcacherw GOTOOLCHAIN=local\nRUN go mod download demo.example/hello@v1.0.0 && echo hello > /srv/go"},
	}, fewFetches...)
)

// allPackages are the packages of a root that has the clients.
var (
	fewPackages = []string{"ca-certificates", "curl", "wget", "git", "python3", "nodejs"}
	allPackages = []string{"ca-certificates", "curl", "wget", "git", "python3-pip", "nodejs", "npm", "maven", "openjdk-21-jdk-headless"}
)

const getJava = `import java.net.URI;

class Get {
	public static void main(String[] args) throws Exception {
		try (var in = URI.create(args[0]).toURL().openStream()) {
			in.transferTo(System.out);
		}
	}
}
`

const pomXML = `<project>
  <modelVersion>4.0.0</modelVersion>
  <parent><groupId>example</groupId><artifactId>parent</artifactId><version>1</version><relativePath/></parent>
  <artifactId>child</artifactId>
  <packaging>pom</packaging>
  <repositories><repository><id>central</id><url>https://maven.example</url></repository></repositories>
</project>
`

// project is a build behind a proxy that inspects TLS: the context, and what builds
// it with a client.
type project struct {
	dir      string
	proxy    *rig.Inspector
	frontend string // reference of its image
	fetches  []fetch
}

// newProject writes the context of one Dockerfile, with a stage for each fetch, on a
// root of Debian. What builds it is named in it: none finds the steps of another in
// the cache.
func newProject(t *testing.T, by, frontend, root string, fetches []fetch) project {
	t.Helper()
	p := project{t.TempDir(), rig.StartInspector(t, roottest.NewCA(t, "Example Inspecting Proxy"), sites(t)), frontend, fetches}
	stages, copies := "FROM scratch AS root\nADD root.tar /\n\nFROM root AS base\nENV BUILT_BY="+by+"\n\n", ""
	for _, f := range append(fetches, bare) {
		stages += "FROM base AS " + f.name + "\n" + f.lines + "\n\n"
		if f != bare {
			copies += "COPY --from=" + f.name + " /srv/" + f.name + " /\n"
		}
	}
	rig.Write(t, filepath.Join(p.dir, "Dockerfile"), stages+"FROM scratch AS all\n"+copies)
	rig.Write(t, filepath.Join(p.dir, "Get.java"), getJava)
	rig.Write(t, filepath.Join(p.dir, "pom.xml"), pomXML)
	goroot := strings.TrimSpace(rig.Run(t, "go", "env", "GOROOT"))
	for _, name := range []string{"VERSION", "go.env", "bin/go"} { // which downloads, and compiles nothing
		rig.Run(t, "install", "-D", filepath.Join(goroot, name), filepath.Join(p.dir, "go", name))
	}
	rig.Run(t, "sh", "-c", `ln "$1" "$2" || cp "$1" "$2"`, "sh", root, filepath.Join(p.dir, "root.tar"))
	return p
}

// few and all are roots that have the clients.
func few(t *testing.T) string {
	t.Helper()
	return rig.Tarball(t, "trixie", "proxied-few", fewPackages...)
}
func all(t *testing.T) string {
	t.Helper()
	return rig.Tarball(t, "trixie", "proxied-all", allPackages...)
}

// names are the stages that the last one needs.
func (p project) names() (names []string) {
	for _, f := range p.fetches {
		names = append(names, f.name)
	}
	return names
}

// refused fails if a plain build of a stage is not refused for its certificate.
func (p project) refused(t *testing.T, build func(t *testing.T, target string) (string, error)) {
	for _, name := range append(p.names(), bare.name) {
		t.Run(name, func(t *testing.T) {
			out, err := build(t, name)
			if err == nil || !speaksOfTrust(out) {
				t.Errorf("a plain build is not refused: %v\n%s", err, out)
			}
		})
	}
}

// speaksOfTrust reports whether a client has said that it does not trust a
// certificate.
func speaksOfTrust(out string) bool {
	out = strings.ToLower(out)
	for _, words := range []string{"certificate verif", "self-signed cert", "self signed cert", "unable to get local issuer", "unable to get issuer", "unable to verify", "pkix path", "unknown authority", "not trusted", "cannot verify"} {
		if strings.Contains(out, words) {
			return true
		}
	}
	return false
}

// trusted fails if what a build has left in a directory is not what the sites have.
func (p project) trusted(t *testing.T, dir, out string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range p.names() {
		if got := rig.Read(t, filepath.Join(dir, name)); !strings.Contains(got, "hello") {
			t.Errorf("%s has downloaded %q", name, got)
		}
	}
}

// buildctl are the arguments of buildctl that lead behind the proxy.
func (p project) buildctl(target string) (args []string) {
	args = []string{"--opt", "target=" + target, "--opt", "build-arg:HTTPS_PROXY=" + p.proxy.URL}
	var hosts []string
	for _, host := range p.proxy.Hosts() {
		hosts = append(hosts, host+"="+p.proxy.IP)
	}
	return append(args, "--opt", "add-hosts="+strings.Join(hosts, ","))
}

// docker are the arguments of docker build and of buildx that lead behind the proxy.
func (p project) docker(target string) (args []string) {
	args = []string{"--network", "host", "--target", target, "--build-arg", "HTTPS_PROXY=" + p.proxy.URL}
	for _, host := range p.proxy.Hosts() {
		args = append(args, "--add-host", host+":"+p.proxy.IP)
	}
	return args
}

// with are the arguments of docker build and of buildx that build with the frontend.
func (p project) with() []string {
	return []string{"--build-arg", "BUILDKIT_SYNTAX=" + p.frontend, "--secret", "id=certgraft,src=" + p.proxy.CAFile}
}

// fewClients: the clients of a Dockerfile that names no CA are refused behind a
// proxy that inspects TLS, and trust it with the frontend.
func (s setup) fewClients(t *testing.T) {
	s.trustBuildctl(t, s.project(t, "buildctl", few(t), fewFetches))
}

// TestEveryClient is the same with every client.
func TestEveryClient(t *testing.T) {
	rig.Slow(t)
	s := start(t)
	s.trustBuildctl(t, s.project(t, "buildctl", all(t), allFetches))
}

// TestBuildx: buildx, bake and the lines for compose build with the frontend too.
func TestBuildx(t *testing.T) {
	rig.Slow(t)
	s := start(t)
	t.Run("build", s.trustBuildx)
	t.Run("bake", s.trustBake)
	t.Run("compose", s.trustCompose)
	t.Run("requests", s.requests)
	t.Run("warnings", s.warnings)
}

// project is a new one that this BuildKit builds.
func (s setup) project(t *testing.T, by, root string, fetches []fetch) project {
	t.Helper()
	return newProject(t, by, s.registry.Host+"/certgraft-frontend:1", root, fetches)
}

// trustBuildctl builds by buildctl, without the frontend and with it.
func (s setup) trustBuildctl(t *testing.T, p project) {
	t.Helper()
	p.refused(t, func(t *testing.T, target string) (string, error) { return s.kit.Build(t, p.dir, p.buildctl(target)...) })
	s.ca = p.proxy.CAFile
	dest := t.TempDir()
	out, err := s.kit.Build(t, p.dir, s.frontend(append(p.buildctl("all"), "--output", "type=local,dest="+dest)...)...)
	p.trusted(t, dest, out, err)
	if out, err := s.kit.Build(t, p.dir, s.frontend(p.buildctl("bare")...)...); err != nil {
		t.Errorf("without an environment: %v\n%s", err, out)
	}
}

// trustBuildx builds with the frontend by docker buildx build.
func (s setup) trustBuildx(t *testing.T) {
	p := s.project(t, "buildx", few(t), fewFetches)
	x, dest := s.kit.Buildx(t), t.TempDir()
	args := append(append([]string{"build", "--allow", "network.host", "--output", "type=local,dest=" + dest}, p.docker("all")...), p.with()...)
	out, err := x.Try(t, append(args, p.dir)...)
	p.trusted(t, dest, out, err)
}

// trustBake builds with the frontend by docker buildx bake: the project's own file
// knows the proxy, and the file beside it, which is that of docs/one-step.md, names
// the frontend and the CA.
func (s setup) trustBake(t *testing.T) {
	p := s.project(t, "bake", few(t), fewFetches)
	var hosts strings.Builder
	for _, host := range p.proxy.Hosts() {
		fmt.Fprintf(&hosts, "    %q = %q\n", host, p.proxy.IP)
	}
	dest := t.TempDir()
	rig.Write(t, filepath.Join(p.dir, "docker-bake.hcl"), fmt.Sprintf(`target "default" {
  target = "all"
  network = "host"
  args = { HTTPS_PROXY = %q }
  extra-hosts = {
%s  }
  output = ["type=local,dest=%s"]
}
`, p.proxy.URL, &hosts, dest))
	p.documented(t, "docker-bake.override.hcl")
	out, err := s.kit.Buildx(t).In(p.dir).Try(t, "bake", "--allow", "network.host", "--allow", "fs=*")
	p.trusted(t, dest, out, err)
}

// trustCompose builds with the frontend by the lines for compose of
// docs/one-step.md, which bake reads too.
func (s setup) trustCompose(t *testing.T) {
	p := s.project(t, "compose", few(t), fewFetches)
	p.documented(t, "compose.yaml")
	args := []string{"bake", "-f", "compose.yaml", "--allow", "network.host", "--allow", "fs=*", "--set", "app.args.HTTPS_PROXY=" + p.proxy.URL, "--set", "app.network=host", "--set", "app.target=all"}
	for _, host := range p.proxy.Hosts() {
		args = append(args, "--set", "app.extra-hosts."+host+"="+p.proxy.IP)
	}
	dest := t.TempDir()
	out, err := s.kit.Buildx(t).In(p.dir).Try(t, append(args, "--set", "app.output=type=local,dest="+dest)...)
	p.trusted(t, dest, out, err)
}

// documented writes a file that docs/one-step.md shows, with the frontend of the
// test, and the CA beside it.
func (p project) documented(t *testing.T, name string) {
	t.Helper()
	_, text, found := strings.Cut(rig.Read(t, rig.File("docs/one-step.md")), "# "+name+"\n")
	text, _, _ = strings.Cut(text, "```")
	const released = "ghcr.io/certgraft/certgraft-frontend:v0.1.0"
	if !found || !strings.Contains(text, released) {
		t.Fatalf("docs/one-step.md does not show %s with %s", name, released)
	}
	rig.Write(t, filepath.Join(p.dir, name), strings.ReplaceAll(text, released, p.frontend))
	rig.Run(t, "cp", p.proxy.CAFile, filepath.Join(p.dir, "corp.pem"))
}

// TestDockerClients: every client, by docker build of Debian's engine. The clients
// have variables there, and the stores where that is asked for.
func TestDockerClients(t *testing.T) {
	rig.Slow(t)
	rig.Docker(t, "build", "-q", "-t", "certgraft-frontend:1", "-f", rig.File("frontend/Dockerfile"), rig.File("."))
	p := newProject(t, "docker", rig.StartRegistry(t, nil).PushImage(t, "certgraft-frontend:1", "certgraft-frontend:1"), all(t), allFetches)
	build := func(t *testing.T, target string, more ...string) (string, error) {
		args := append(append([]string{"build"}, p.docker(target)...), more...)
		return rig.Try(t, "env", rig.DockerCommand(t, append(args, p.dir)...)...)
	}
	// The engine's own frontend is older than here-documents: plain is ours without the secret.
	p.refused(t, func(t *testing.T, target string) (string, error) { return build(t, target, p.with()[:2]...) })
	dest := t.TempDir()
	out, err := build(t, "all", append(p.with(), "--output", "type=local,dest="+dest)...)
	p.trusted(t, dest, out, err)
	if out, err := build(t, bare.name, append(p.with(), "--build-arg", "CERTGRAFT_MODE=in-root")...); err != nil {
		t.Errorf("without an environment: %v\n%s", err, out)
	}
}
