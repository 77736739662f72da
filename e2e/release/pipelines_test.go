//go:build e2e

package release

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/roottest"
)

// document reads the last document of a YAML file of the repository into v.
func document(t *testing.T, name string, v any) {
	t.Helper()
	text := rig.Run(t, "ruby", "-ryaml", "-rjson", "-e", "puts JSON.generate(YAML.load_stream(File.read(ARGV[0])).last)", rig.File(name))
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// environment returns variables for a process that has none but these and PATH.
func environment(variables map[string]string) []string {
	all := []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "SOURCE_DATE_EPOCH=1800000000"}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		all = append(all, name+"="+variables[name])
	}
	return all
}

// inEnvironment runs a command in a directory with these variables.
func inEnvironment(dir string, variables map[string]string, args ...string) (string, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, environment(variables)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// mirror serves what a release has: an archive with the program under test, and
// its checksum. It returns where, its CA, and where it is without TLS.
func mirror(t *testing.T, version string) (url, ca, plain string) {
	t.Helper()
	dir := t.TempDir()
	arch := map[string]string{"arm": "armv7"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	archive := "certgraft_" + strings.TrimPrefix(version, "v") + "_linux_" + arch + ".tar.gz"
	rig.Run(t, "mkdir", filepath.Join(dir, version))
	rig.Run(t, "tar", "-C", filepath.Dir(rig.Certgraft), "-czf", filepath.Join(dir, version, archive), "certgraft")
	rig.Run(t, "sh", "-c", "cd "+filepath.Join(dir, version)+" && sha256sum "+archive+" > SHA256SUMS")
	a := rig.NewAuthority(t, "Mirror CA")
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	return fmt.Sprintf("https://localhost:%d", rig.ServeTLS(t, a, "127.0.0.1", http.FileServer(http.Dir(dir)))), a.CAFile, server.URL
}

// smallImage returns an image with an empty bundle in it, in a layout.
func smallImage(t *testing.T) string {
	t.Helper()
	l := roottest.NewLayout(t)
	layer := roottest.Tar(t, roottest.Dir("etc/"), roottest.Dir("etc/ssl/"), roottest.Dir("etc/ssl/certs/"), roottest.File("etc/ssl/certs/ca-certificates.crt", ""))
	return l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{layer}}), "1")
}

// hasOne fails unless the image's bundle has one certificate.
func hasOne(t *testing.T, image string) {
	t.Helper()
	if out := rig.Run(t, rig.Certgraft, "inspect", image); !regexp.MustCompile(`(?m)^/etc/ssl/certs/ca-certificates.crt +PEM bundle +1 `).MatchString(out) {
		t.Errorf("%s: %s", image, out)
	}
}

// The command of action.yml, with the inputs as GitHub passes them.
func TestAction(t *testing.T) {
	var action struct {
		Inputs map[string]struct{ Default string }
		Runs   struct {
			Steps []struct {
				Run string
				Env map[string]string
			}
		}
	}
	document(t, "action.yml", &action)
	here, work := rig.File("."), t.TempDir()
	url, ca, _ := mirror(t, "v1.2.3")
	corp := rig.NewAuthority(t, "Corp Root").CAFile
	act := func(inputs map[string]string) (out, outputs string, err error) {
		step := action.Runs.Steps[0]
		variables := map[string]string{"GITHUB_ACTION_PATH": here, "GITHUB_OUTPUT": filepath.Join(t.TempDir(), "output"), "RUNNER_TEMP": t.TempDir(), "CURL_CA_BUNDLE": ca}
		for variable, expression := range step.Env {
			name := strings.TrimSuffix(strings.TrimPrefix(expression, "${{ inputs."), " }}")
			value, given := inputs[name]
			if !given {
				value = action.Inputs[name].Default
			}
			variables[variable] = value
		}
		out, err = inEnvironment(work, variables, "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.Run)
		data, _ := os.ReadFile(variables["GITHUB_OUTPUT"])
		return out, string(data), err
	}

	t.Run("patch", func(t *testing.T) {
		one, two := "oci:"+t.TempDir()+"/one:1", "oci:"+t.TempDir()+"/two:1"
		out, outputs, err := act(map[string]string{"version": "v1.2.3", "download-url": url, "image": smallImage(t), "sources": corp + "\n", "tags": one + "\n" + two, "args": "--label a=*"})
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		hasOne(t, one)
		hasOne(t, two)
		if !strings.HasPrefix(outputs, "references<<END_OF_REFERENCES\n"+one+"\n"+two+"\nEND_OF_REFERENCES\ndigest=sha256:") || !strings.Contains(outputs, "\nmetadata=/") {
			t.Errorf("outputs: %s", outputs)
		}
	})
	t.Run("in place", func(t *testing.T) {
		image := smallImage(t)
		if out, _, err := act(map[string]string{"binary": rig.Certgraft, "image": image, "sources": corp}); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		hasOne(t, image)
	})
	t.Run("install", func(t *testing.T) {
		root := t.TempDir()
		if out, _, err := act(map[string]string{"binary": rig.Certgraft, "mode": "install", "sources": corp, "args": "--root " + root}); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if n := strings.Count(rig.Read(t, filepath.Join(root, "etc/ssl/certs/ca-certificates.crt")), "BEGIN CERTIFICATE"); n != 1 {
			t.Errorf("the bundle has %d certificates", n)
		}
	})
	for what, c := range map[string]struct {
		inputs map[string]string
		want   string
	}{
		"wrong checksum":     {map[string]string{"version": "v1.2.3", "download-url": url, "sha256": strings.Repeat("0", 64), "mode": "install"}, "is not what its checksum says"},
		"no such release":    {map[string]string{"version": "v9.9.9", "download-url": url, "mode": "install"}, "404"},
		"plain http":         {map[string]string{"version": "v1.2.3", "download-url": "http://127.0.0.1:1", "mode": "install"}, "curl: (1)"},
		"no version":         {map[string]string{"mode": "install"}, "name the release with version"},
		"no image":           {map[string]string{"binary": rig.Certgraft}, "needs image"},
		"another mode":       {map[string]string{"binary": rig.Certgraft, "mode": "remove"}, "mode is patch or install"},
		"a command in words": {map[string]string{"binary": rig.Certgraft, "image": "$(touch " + work + "/pwned)", "tags": "oci:x"}, "is not the name of an image"},
	} {
		t.Run(what, func(t *testing.T) {
			c.inputs["sources"] = corp
			out, outputs, err := act(c.inputs)
			if err == nil || !strings.Contains(out, c.want) || outputs != "" {
				t.Errorf("%v, outputs %q, want %q:\n%s", err, outputs, c.want, out)
			}
		})
	}
	if left, _ := os.ReadDir(work); len(left) != 0 {
		t.Errorf("the action left %v", left)
	}
}

// The script of the GitLab template, as a runner's shell runs it.
func TestGitLabTemplate(t *testing.T) {
	var jobs map[string]struct {
		Script    []string
		Variables map[string]string
	}
	document(t, "templates/patch.yml", &jobs)
	job, ok := jobs["$[[ inputs.job ]]"]
	if !ok || len(job.Script) != 1 {
		t.Fatalf("the template has %v", jobs)
	}
	url, ca, plain := mirror(t, "v1.2.3")
	corp := rig.NewAuthority(t, "Corp Root").CAFile
	work, r := t.TempDir(), rig.StartRegistry(t, nil)
	one, two := "oci:"+t.TempDir()+"/one:1", r.Host+"/team/app:ca"
	inputs := map[string]string{"version": "v1.2.3", "download-url": url, "image": smallImage(t), "sources": corp, "tags": one + " " + two, "args": "--label=a=*"}
	variables := map[string]string{
		"WGETRC": rig.Write(t, filepath.Join(t.TempDir(), "wgetrc"), "ca_certificate = "+ca+"\n"), "CI_REGISTRY": r.Host, "CI_REGISTRY_USER": "ci", "CI_REGISTRY_PASSWORD": "secret",
	}
	for name, value := range job.Variables {
		variables[name] = inputs[strings.TrimSuffix(strings.TrimPrefix(value, "$[[ inputs."), " ]]")]
	}
	// Debian's shell and tools, and Alpine's; Debian's BusyBox has no TLS that verifies.
	for _, shell := range [][]string{{"dash", "-c"}, {"busybox", "sh", "-c"}} {
		if shell[0] == "busybox" {
			variables["CERTGRAFT_DOWNLOAD_URL"] = plain
		}
		out, err := inEnvironment(work, variables, append(shell, job.Script[0])...)
		if err != nil {
			t.Fatalf("%s: %v\n%s", shell, err, out)
		}
		hasOne(t, one)
		hasOne(t, "docker://"+two)
		if !strings.Contains(rig.Read(t, filepath.Join(work, "certgraft.json")), `"digest": "sha256:`) {
			t.Error("no metadata")
		}
	}
	variables["CERTGRAFT_VERSION"] = "v1.2.4"
	if out, err := inEnvironment(work, variables, "dash", "-c", job.Script[0]); err == nil {
		t.Errorf("a release that is not there: %s", out)
	}
}

// container is what of a manifest's container docker is told.
type container struct {
	Command, Args []string
	Env           []struct{ Name, Value string }
	VolumeMounts  []struct{ Name, MountPath string }
}

// hardened are the flags of docker for what the manifests' securityContexts say.
var hardened = []string{"run", "--rm", "--network", "host", "--read-only", "--user", "65532:65532", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"}

// The Indexed Job: each index is run as a kubelet would, in the release's image,
// with $(VARIABLE) expanded; together they patch each image of the list once.
func TestKubernetesJob(t *testing.T) {
	dist, version := firstRelease(t)
	loadRelease(t, dist, version)
	var job struct {
		Spec struct {
			Completions int
			Template    struct {
				Spec struct{ Containers []container }
			}
		}
	}
	document(t, "deploy/kubernetes/patch-images.yaml", &job)
	c := job.Spec.Template.Spec.Containers[0]
	r, image := rig.StartRegistry(t, nil), smallImage(t)
	const images = 11
	var list strings.Builder
	for i := range images {
		from := fmt.Sprintf("%s/app%d:1", r.Host, i)
		rig.Run(t, "skopeo", "copy", "-q", "--dest-tls-verify=false", image, "docker://"+from)
		fmt.Fprintf(&list, "%s %s/app%d:ca\n", from, r.Host, i)
	}
	host := map[string]string{"work": t.TempDir(), "docker": t.TempDir(), "cache": t.TempDir()}
	rig.Write(t, filepath.Join(host["work"], "images.txt"), list.String())
	rig.Write(t, filepath.Join(host["work"], "corp.pem"), rig.Read(t, rig.NewAuthority(t, "Corp Root").CAFile))
	rig.Write(t, filepath.Join(host["docker"], "config.json"), "{}")
	flags := slices.Clone(hardened)
	for _, m := range c.VolumeMounts {
		rig.Run(t, "chmod", "-R", "a+rwX", host[m.Name])
		flags = append(flags, "-v", host[m.Name]+":"+m.MountPath)
	}
	written := map[string]int{}
	for index := range job.Spec.Completions {
		command := slices.Clone(flags)
		for _, e := range c.Env {
			if e.Name == "JOB_COMPLETION_INDEX" {
				e.Value = fmt.Sprint(index)
			}
			command = append(command, "-e", e.Name+"="+e.Value)
		}
		command = append(command, "certgraft:release")
		for _, arg := range c.Args {
			command = append(command, strings.ReplaceAll(arg, "$(JOB_COMPLETION_INDEX)", fmt.Sprint(index)))
		}
		for line := range strings.Lines(rig.Docker(t, command...)) {
			if name, _, ok := strings.Cut(line, "@sha256:"); ok && strings.HasPrefix(line, r.Host) {
				written[name]++
			}
		}
	}
	if len(written) != images {
		t.Errorf("%d images were written, want %d", len(written), images)
	}
	for name, n := range written {
		if n != 1 {
			t.Errorf("%s was written %d times", name, n)
		}
	}
	for i := range images {
		hasOne(t, fmt.Sprintf("docker://%s/app%d:ca", r.Host, i))
	}
}

// The Tekton task's step, in the release's image, with parameters replaced as
// Tekton does: an array alone in an argument becomes as many arguments.
func TestTektonTask(t *testing.T) {
	dist, version := firstRelease(t)
	loadRelease(t, dist, version)
	var task struct {
		Spec struct {
			Steps []struct {
				container
				WorkingDir string
			}
		}
	}
	document(t, "deploy/tekton/certgraft-patch.yaml", &task)
	step := task.Spec.Steps[0]
	r := rig.StartRegistry(t, nil)
	rig.Run(t, "skopeo", "copy", "-q", "--dest-tls-verify=false", smallImage(t), "docker://"+r.Host+"/app:1")
	source := t.TempDir()
	rig.Write(t, filepath.Join(source, "certs/corp.pem"), rig.Read(t, rig.NewAuthority(t, "Corp Root").CAFile))
	rig.Run(t, "chmod", "-R", "a+rX", filepath.Dir(source))
	values := map[string]string{"$(params.image)": r.Host + "/app:1", "$(params.tag)": r.Host + "/app:ca", "$(workspaces.source.path)": "/workspace/source", "$(workspaces.dockerconfig.path)": ""}
	arrays := map[string][]string{"$(params.sources[*])": {"certs/corp.pem"}, "$(params.flags[*])": {"--label", "team=a b"}}
	replace := func(text string) string {
		for name, value := range values {
			text = strings.ReplaceAll(text, name, value)
		}
		return text
	}
	command := append(slices.Clone(hardened), "-v", source+":/workspace/source:ro", "-w", replace(step.WorkingDir), "--entrypoint", step.Command[0])
	for _, e := range step.Env {
		command = append(command, "-e", e.Name+"="+replace(e.Value))
	}
	command = append(command, "certgraft:release")
	for _, arg := range step.Args {
		if values, ok := arrays[arg]; ok {
			command = append(command, values...)
			continue
		}
		command = append(command, replace(arg))
	}
	for _, arg := range command {
		if strings.Contains(arg, "$(") {
			t.Errorf("%s is not replaced", arg)
		}
	}
	rig.Docker(t, command...)
	hasOne(t, "docker://"+r.Host+"/app:ca")
}

// The commands of the release workflow that publish: they push the image with
// all its platforms, take the notes from the changelog, and name every file.
// gh is a stand-in that writes down its arguments.
func TestReleaseWorkflow(t *testing.T) {
	dist, version := firstRelease(t)
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct{ Name, Run string }
		}
	}
	document(t, ".github/workflows/release.yml", &workflow)
	scripts := map[string]string{}
	for _, step := range workflow.Jobs["publish"].Steps {
		scripts[step.Name] = step.Run
	}
	work, r := t.TempDir(), rig.StartRegistry(t, nil)
	rig.Run(t, "cp", "-r", dist, filepath.Join(work, "dist"))
	rig.Write(t, filepath.Join(work, "CHANGELOG.md"), "# Changelog\n\n## [Unreleased]\n\n- later\n\n## ["+version+"] 2027-01-01\n\n- this one\n\n## [0.0.1]\n\n- before\n")
	bin := t.TempDir()
	rig.Write(t, filepath.Join(bin, "gh"), "#!/bin/sh\nprintf '%s\\n' \"$@\" > gh.args\n")
	rig.Write(t, filepath.Join(bin, "skopeo"), "#!/bin/sh\nif [ \"$1\" = login ]; then exit; fi\nexec /usr/bin/skopeo \"$@\" --dest-tls-verify=false\n")
	rig.Run(t, "chmod", "+x", filepath.Join(bin, "gh"), filepath.Join(bin, "skopeo"))
	sums := strings.Fields(rig.Run(t, "sh", "-c", "cd "+work+" && cat dist/SHA256SUMS dist/image/index.json | sha256sum"))[0]
	variables := map[string]string{"PATH": bin + ":" + os.Getenv("PATH"), "TAG": "v" + version, "IMAGE": r.Host + "/certgraft", "WANT": sums, "ACTOR": "ci", "TOKEN": "secret"}
	step := func(name string) (string, error) {
		if scripts[name] == "" {
			t.Fatalf("no step %q", name)
		}
		return inEnvironment(work, variables, "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", scripts[name])
	}
	for _, name := range []string{"compare with the rebuild", "push the image", "publish the release"} {
		if out, err := step(name); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	pushed := rig.Run(t, "skopeo", "inspect", "--raw", "--tls-verify=false", "docker://"+variables["IMAGE"]+":v"+version)
	if !strings.Contains(pushed, `"amd64"`) || !strings.Contains(pushed, `"arm64"`) {
		t.Errorf("pushed: %s", pushed)
	}
	if out, err := rig.Try(t, "skopeo", "inspect", "--raw", "--tls-verify=false", "docker://"+variables["IMAGE"]+":latest"); err == nil {
		t.Errorf("a pre-release is the latest: %s", out)
	}
	if notes := rig.Read(t, filepath.Join(work, "dist/notes.md")); strings.TrimSpace(notes) != "- this one" {
		t.Errorf("notes: %q", notes)
	}
	args := rig.Read(t, filepath.Join(work, "gh.args"))
	for sum := range strings.Lines(rig.Read(t, filepath.Join(dist, "SHA256SUMS"))) {
		if name := "dist/" + strings.Fields(sum)[1] + "\n"; !strings.Contains(args, "\n"+name) {
			t.Errorf("gh is not given %s", name)
		}
	}
	variables["WANT"] = strings.Repeat("0", 64)
	if out, err := step("compare with the rebuild"); err == nil || !strings.Contains(out, "two builds differ") {
		t.Errorf("another build: %v\n%s", err, out)
	}
	variables["TAG"] = "v9.9.9"
	if out, err := step("publish the release"); err == nil || !strings.Contains(out, "no section") {
		t.Errorf("a version without notes: %v\n%s", err, out)
	}
}
