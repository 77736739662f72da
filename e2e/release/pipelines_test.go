//go:build e2e

package release

import (
	"crypto/sha256"
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
	holds(t, image, 1)
}

// holds fails unless the image's bundle has so many certificates.
func holds(t *testing.T, image string, n int) {
	t.Helper()
	if out := rig.Run(t, rig.Certgraft, "inspect", image); !regexp.MustCompile(fmt.Sprintf(`(?m)^/etc/ssl/certs/ca-certificates.crt +PEM bundle +%d `, n)).MatchString(out) {
		t.Errorf("%s does not hold %d: %s", image, n, out)
	}
}

// lockOf writes a lock of a file of certificates, which the lock has by that name.
func lockOf(t *testing.T, dir, file string) string {
	t.Helper()
	lock := filepath.Join(dir, "certgraft.lock")
	rig.Run(t, "env", "-C", dir, rig.Certgraft, "lock", "--lock", lock, file)
	return lock
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
	t.Run("a list, a lock and out again", func(t *testing.T) {
		dir := t.TempDir()
		var list, patched strings.Builder
		for i := range 3 {
			fmt.Fprintf(&list, "%s oci:%s/app%d:ca\n", smallImage(t), dir, i)
			fmt.Fprintf(&patched, "oci:%s/app%d:ca oci:%s/app%d:plain\n", dir, i, dir, i)
		}
		images := rig.Write(t, filepath.Join(t.TempDir(), "images.txt"), list.String())
		for part, written := range []int{2, 1} {
			out, outputs, err := act(map[string]string{"binary": rig.Certgraft, "from-file": images, "lock": lockOf(t, t.TempDir(), corp), "shard": fmt.Sprintf("%d/2", part)})
			if err != nil || strings.Count(outputs, ":ca\n") != written || !strings.Contains(outputs, "\ndigest=\nmetadata=/") || !strings.Contains(out, fmt.Sprintf(": %d changed\n", written)) {
				t.Errorf("part %d: %v, outputs %q\n%s", part, err, outputs, out)
			}
		}
		out, outputs, err := act(map[string]string{"binary": rig.Certgraft, "mode": "remove", "from-file": rig.Write(t, filepath.Join(t.TempDir(), "patched.txt"), patched.String()+"oci:nowhere oci:"+dir+"/x:1\n"), "sources": "--all"})
		if err == nil || strings.Count(outputs, ":plain\n") != 3 || !strings.Contains(out, "total: 4 images: 3 changed, 1 failed") {
			t.Errorf("%v, outputs %q\n%s", err, outputs, out)
		}
		for i := range 3 {
			hasOne(t, fmt.Sprintf("oci:%s/app%d:ca", dir, i))
			holds(t, fmt.Sprintf("oci:%s/app%d:plain", dir, i), 0)
		}
	})
	t.Run("remove", func(t *testing.T) {
		image := smallImage(t)
		rig.Run(t, rig.Certgraft, "patch", "-q", image, corp, "--in-place")
		if out, _, err := act(map[string]string{"binary": rig.Certgraft, "mode": "remove", "image": image, "sources": corp}); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		holds(t, image, 0)
	})
	t.Run("distrust", func(t *testing.T) {
		image := smallImage(t)
		rig.Run(t, rig.Certgraft, "patch", "-q", image, corp, "--in-place")
		if out, _, err := act(map[string]string{"binary": rig.Certgraft, "mode": "distrust", "image": image, "sources": corp}); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		holds(t, image, 0)
	})
	t.Run("check", func(t *testing.T) {
		list := rig.Write(t, filepath.Join(t.TempDir(), "images.txt"), smallImage(t)+"\n"+smallImage(t)+"\n")
		out, outputs, err := act(map[string]string{"binary": rig.Certgraft, "mode": "check", "from-file": list, "shard": "0/2", "sources": ""})
		if err != nil || !strings.HasPrefix(outputs, "sarif=/") || !strings.Contains(out, "total: 1 root: 1 clean") {
			t.Errorf("%v, outputs %q\n%s", err, outputs, out)
		}
		policy := rig.Write(t, filepath.Join(t.TempDir(), "policy.json"), `{"version":1,"require":["`+corp+`"]}`)
		out, outputs, err = act(map[string]string{"binary": rig.Certgraft, "mode": "check", "image": smallImage(t), "args": "--policy " + policy, "sources": ""})
		if err == nil || !strings.HasPrefix(outputs, "sarif=/") || !strings.Contains(out, "missing") {
			t.Errorf("%v, outputs %q\n%s", err, outputs, out)
		}
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
		"an image and list":  {map[string]string{"binary": rig.Certgraft, "image": "x", "from-file": "y"}, "exclude each other"},
		"another mode":       {map[string]string{"binary": rig.Certgraft, "mode": "bundle"}, "mode is patch, remove, distrust, check or install"},
		"nothing to trust":   {map[string]string{"binary": rig.Certgraft, "image": "x", "sources": " \n"}, "name what to trust with sources, or lock"},
		"nothing to remove":  {map[string]string{"binary": rig.Certgraft, "image": "x", "mode": "remove", "sources": ""}, "--all is everything"},
		"a command in words": {map[string]string{"binary": rig.Certgraft, "image": "$(touch " + work + "/pwned)", "tags": "oci:x"}, "is not the name of an image"},
	} {
		t.Run(what, func(t *testing.T) {
			if _, given := c.inputs["sources"]; !given {
				c.inputs["sources"] = corp
			}
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
	inputs := map[string]string{"version": "v1.2.3", "download-url": url, "mode": "patch", "image": smallImage(t), "sources": corp, "tags": one + " " + two, "args": "--label=a=*"}
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
	run := func(more map[string]string) string {
		t.Helper()
		all := maps.Clone(variables)
		maps.Copy(all, map[string]string{"CERTGRAFT_IMAGE": "", "CERTGRAFT_TAGS": "", "CERTGRAFT_SOURCES": "", "CERTGRAFT_ARGS": ""})
		maps.Copy(all, more)
		out, err := inEnvironment(work, all, "busybox", "sh", "-c", job.Script[0])
		if err != nil {
			t.Fatalf("%v: %v\n%s", more, err, out)
		}
		return out
	}
	run(map[string]string{"CERTGRAFT_MODE": "remove", "CERTGRAFT_IMAGE": one, "CERTGRAFT_SOURCES": "--all", "CERTGRAFT_TAGS": one})
	holds(t, one, 0)
	// A list, in as many jobs as GitLab is told to run.
	dir := t.TempDir()
	list := rig.Write(t, filepath.Join(dir, "images.txt"), fmt.Sprintf("%s oci:%s/a:ca\n%s oci:%s/b:ca\n", smallImage(t), dir, smallImage(t), dir))
	for _, index := range []string{"1", "2"} {
		if out := run(map[string]string{"CERTGRAFT_LIST": list, "CERTGRAFT_LOCK": lockOf(t, t.TempDir(), corp), "CI_NODE_INDEX": index, "CI_NODE_TOTAL": "2"}); !strings.Contains(out, "total: 1 image: 1 changed") {
			t.Errorf("job %s: %s", index, out)
		}
	}
	hasOne(t, "oci:"+dir+"/a:ca")
	hasOne(t, "oci:"+dir+"/b:ca")
	run(map[string]string{"CERTGRAFT_MODE": "remove", "CERTGRAFT_LIST": rig.Write(t, list, fmt.Sprintf("oci:%s/a:ca oci:%s/a:plain\n", dir, dir)), "CERTGRAFT_SOURCES": corp})
	holds(t, "oci:"+dir+"/a:plain", 0)
	variables["CERTGRAFT_VERSION"] = "v1.2.4"
	if out, err := inEnvironment(work, variables, "dash", "-c", job.Script[0]); err == nil {
		t.Errorf("a release that is not there: %s", out)
	}
}

// The script of the GitLab component that checks, in two shells.
func TestGitLabCheck(t *testing.T) {
	var jobs map[string]struct {
		Script    []string
		Variables map[string]string
	}
	document(t, "templates/check.yml", &jobs)
	job := jobs["$[[ inputs.job ]]"]
	_, _, plain := mirror(t, "v1.2.3")
	work := t.TempDir()
	list := rig.Write(t, filepath.Join(work, "images.txt"), smallImage(t)+"\n"+smallImage(t)+"\n")
	policy := rig.Write(t, filepath.Join(work, "policy.json"), `{"version":1,"require":["`+rig.NewAuthority(t, "Corp Root").CAFile+`"]}`)
	for _, shell := range [][]string{{"dash", "-c"}, {"busybox", "sh", "-c"}} {
		run := func(more map[string]string) (string, error) {
			t.Helper()
			all := map[string]string{"CERTGRAFT_VERSION": "v1.2.3", "CERTGRAFT_DOWNLOAD_URL": plain, "CERTGRAFT_IMAGES": "", "CERTGRAFT_LIST": "", "CERTGRAFT_POLICY": "", "CERTGRAFT_ARGS": ""}
			for name := range job.Variables {
				if _, known := all[name]; !known {
					t.Errorf("%s is new", name)
				}
			}
			maps.Copy(all, more)
			return inEnvironment(work, all, append(shell, job.Script[0])...)
		}
		if out, err := run(map[string]string{"CERTGRAFT_LIST": list, "CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "2"}); err != nil || !strings.Contains(out, "total: 1 root: 1 clean") {
			t.Errorf("%v\n%s", err, out)
		}
		if out, err := run(map[string]string{"CERTGRAFT_IMAGES": smallImage(t), "CERTGRAFT_POLICY": policy}); err == nil || !strings.Contains(out, "missing") {
			t.Errorf("%v\n%s", err, out)
		}
		if !strings.Contains(rig.Read(t, filepath.Join(work, "certgraft.sarif")), `"missing"`) {
			t.Error("no SARIF")
		}
		if out, err := run(nil); err == nil || !strings.Contains(out, "name the images") {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// container is what of a manifest's container docker is told.
type container struct {
	Command, Args []string
	Env           []struct {
		Name, Value string
		ValueFrom   struct{ ConfigMapKeyRef struct{ Key string } }
	}
	VolumeMounts []struct{ Name, MountPath string }
}

// hardened are the flags of docker for what the manifests' securityContexts say.
var hardened = []string{"run", "--rm", "--network", "host", "--read-only", "--user", "65532:65532", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"}

// The Indexed Job: each index is run as a kubelet would, in the release's image,
// with $(VARIABLE) expanded; together they patch each image of the list once, and
// take it out again.
func TestKubernetesJob(t *testing.T) {
	dist, version := firstRelease(t)
	loadRelease(t, dist, version)
	job := readJob(t, "patch-images")
	r, image := rig.StartRegistry(t, nil), smallImage(t)
	const images = 11
	for i := range images {
		rig.Run(t, "skopeo", "copy", "-q", "--dest-tls-verify=false", image, fmt.Sprintf("docker://%s/app%d:1", r.Host, i))
	}
	host := map[string]string{"work": filepath.Join(t.TempDir(), "work"), "docker": t.TempDir(), "cache": t.TempDir()}
	rig.Write(t, filepath.Join(host["work"], "corp.pem"), rig.Read(t, rig.NewAuthority(t, "Corp Root").CAFile))
	lockOf(t, host["work"], "corp.pem")
	rig.Write(t, filepath.Join(host["docker"], "config.json"), "{}")
	// run runs every index, and returns how often each image was written.
	run := func(list string, config map[string]string) map[string]int {
		t.Helper()
		rig.Write(t, filepath.Join(host["work"], "images.txt"), list)
		written := map[string]int{}
		for index, one := range job.run(t, host, config) {
			if one.status != 0 {
				t.Fatalf("index %d: status %d\n%s", index, one.status, one.out)
			}
			for line := range strings.Lines(one.out) {
				if name, _, ok := strings.Cut(line, "@sha256:"); ok && strings.HasPrefix(line, r.Host) {
					written[name]++
				}
			}
		}
		return written
	}
	all := map[string]int{}
	for i := range images {
		all[fmt.Sprintf("%s/app%d", r.Host, i)] = 1
	}
	for _, step := range []struct {
		tag, command, source string
		holds                int
	}{{"ca", "patch", "/work/corp.pem", 1}, {"plain", "remove", "--all", 0}, {"locked", "patch", "--lock=/work/certgraft.lock", 1}} {
		from := map[string]string{"ca": "1", "plain": "ca", "locked": "plain"}[step.tag]
		var list strings.Builder
		for i := range images {
			fmt.Fprintf(&list, "%s/app%d:%s %s/app%d:%s\n", r.Host, i, from, r.Host, i, step.tag)
		}
		if written := run(list.String(), map[string]string{"command": step.command, "source": step.source}); !maps.Equal(written, all) {
			t.Errorf("%s %s: written are %v", step.command, step.source, written)
		}
		for i := range images {
			holds(t, fmt.Sprintf("docker://%s/app%d:%s", r.Host, i, step.tag), step.holds)
		}
	}
}

// The Tekton tasks' steps, in the release's image, with parameters replaced as
// Tekton does: an array alone in an argument becomes as many arguments.
func TestTektonTasks(t *testing.T) {
	dist, version := firstRelease(t)
	loadRelease(t, dist, version)
	r := rig.StartRegistry(t, nil)
	for _, name := range []string{"app", "other"} {
		rig.Run(t, "skopeo", "copy", "-q", "--dest-tls-verify=false", smallImage(t), "docker://"+r.Host+"/"+name+":1")
	}
	source := t.TempDir()
	rig.Write(t, filepath.Join(source, "certs/corp.pem"), rig.Read(t, rig.NewAuthority(t, "Corp Root").CAFile))
	lockOf(t, source, "certs/corp.pem")
	rig.Write(t, filepath.Join(source, "images.txt"), fmt.Sprintf("%[1]s/app:1 %[1]s/app:listed\n%[1]s/other:1 %[1]s/other:listed\n", r.Host))
	rig.Write(t, filepath.Join(source, "patched.txt"), fmt.Sprintf("%[1]s/app:listed %[1]s/app:plain\n", r.Host))
	rig.Run(t, "chmod", "-R", "a+rX", filepath.Dir(source))

	runTask(t, "certgraft-patch", source, map[string]string{"image": r.Host + "/app:1", "tag": r.Host + "/app:ca"}, map[string][]string{"sources": {"certs/corp.pem"}, "flags": {"--label", "team=a b"}})
	hasOne(t, "docker://"+r.Host+"/app:ca")
	runTask(t, "certgraft-patch", source, map[string]string{"image": r.Host + "/app:1", "tag": r.Host + "/app:locked"}, map[string][]string{"flags": {"--lock=certgraft.lock"}})
	hasOne(t, "docker://"+r.Host+"/app:locked")
	for _, shard := range []string{"0/2", "1/2"} {
		runTask(t, "certgraft-images", source, map[string]string{"list": "images.txt", "shard": shard}, map[string][]string{"sources": {"certs/corp.pem"}})
	}
	hasOne(t, "docker://"+r.Host+"/app:listed")
	hasOne(t, "docker://"+r.Host+"/other:listed")
	runTask(t, "certgraft-images", source, map[string]string{"command": "remove", "list": "patched.txt"}, map[string][]string{"flags": {"--all"}})
	holds(t, "docker://"+r.Host+"/app:plain", 0)
}

// runTask runs the step of a task in the release's image, in the directory source.
func runTask(t *testing.T, name, source string, values map[string]string, arrays map[string][]string) {
	t.Helper()
	var task struct {
		Spec struct {
			Params []struct {
				Name, Type string
				Default    any
			}
			Steps []struct {
				container
				WorkingDir string
			}
		}
	}
	document(t, "deploy/tekton/"+name+".yaml", &task)
	replace := []string{"$(workspaces.source.path)", "/workspace/source", "$(workspaces.dockerconfig.path)", ""}
	for _, p := range task.Spec.Params {
		value, given := values[p.Name]
		if !given && p.Type != "array" {
			value, _ = p.Default.(string)
		}
		replace = append(replace, "$(params."+p.Name+")", value)
	}
	step, in := task.Spec.Steps[0], strings.NewReplacer(replace...)
	command := append(slices.Clone(hardened), "-v", source+":/workspace/source:ro", "-w", in.Replace(step.WorkingDir), "--entrypoint", step.Command[0])
	for _, e := range step.Env {
		command = append(command, "-e", e.Name+"="+in.Replace(e.Value))
	}
	command = append(command, "certgraft:release")
	for _, arg := range step.Args {
		if array, ok := strings.CutSuffix(strings.TrimPrefix(arg, "$(params."), "[*])"); ok {
			command = append(command, arrays[array]...)
			continue
		}
		command = append(command, in.Replace(arg))
	}
	for _, arg := range command {
		if strings.Contains(arg, "$(") {
			t.Errorf("%s is not replaced", arg)
		}
	}
	rig.Docker(t, command...)
}

// The commands of the release workflow that publish: they push the images with
// all their platforms, take the notes from the changelog, and name every file.
// gh is a stand-in that writes down its arguments. The files that are attested exist.
func TestReleaseWorkflow(t *testing.T) {
	dist, version := firstRelease(t)
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct {
				Name, Run, Uses string
				With            map[string]any
			}
		}
	}
	document(t, ".github/workflows/release.yml", &workflow)
	scripts := map[string]string{}
	for _, step := range workflow.Jobs["publish"].Steps {
		scripts[step.Name] = step.Run
	}
	work, r := t.TempDir(), rig.StartRegistry(t, nil)
	rig.Run(t, "cp", "-r", dist, filepath.Join(work, "dist"))
	rig.Write(t, filepath.Join(work, "CHANGELOG.md"), "# Changelog\n\n## [Unreleased]\n\n- later\n\n## ["+version+"] 2027-01-01\n\n- this one\n  goes on\n\n## [0.0.1]\n\n- before\n")
	bin := t.TempDir()
	rig.Write(t, filepath.Join(bin, "gh"), "#!/bin/sh\nprintf '%s\\n' \"$@\" > gh.args\n")
	rig.Write(t, filepath.Join(bin, "skopeo"), "#!/bin/sh\nif [ \"$1\" = login ]; then exit; fi\nexec /usr/bin/skopeo \"$@\" --dest-tls-verify=false\n")
	rig.Run(t, "chmod", "+x", filepath.Join(bin, "gh"), filepath.Join(bin, "skopeo"))
	sums := strings.Fields(rig.Run(t, "sh", "-c", "cd "+work+" && cat dist/SHA256SUMS dist/image/index.json dist/image-frontend/index.json | sha256sum"))[0]
	outputs := filepath.Join(work, "outputs")
	variables := map[string]string{
		"PATH": bin + ":" + os.Getenv("PATH"), "TAG": "v" + version, "IMAGE": r.Host + "/certgraft", "FRONTEND": r.Host + "/certgraft-frontend",
		"WANT": sums, "ACTOR": "ci", "TOKEN": "secret", "HOME": work, "GITHUB_OUTPUT": outputs,
	}
	step := func(name string) (string, error) {
		if scripts[name] == "" {
			t.Fatalf("no step %q", name)
		}
		return inEnvironment(work, variables, "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", scripts[name])
	}
	for _, name := range []string{"compare with the rebuild", "push the images", "name the SBOMs", "publish the release"} {
		if out, err := step(name); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	for output, name := range map[string]string{"image": variables["IMAGE"], "frontend": variables["FRONTEND"]} {
		pushed := rig.Run(t, "skopeo", "inspect", "--raw", "--tls-verify=false", "docker://"+name+":v"+version)
		if !strings.Contains(pushed, `"amd64"`) || !strings.Contains(pushed, `"arm64"`) {
			t.Errorf("pushed: %s", pushed)
		}
		if digest := fmt.Sprintf("%s=sha256:%x\n", output, sha256.Sum256([]byte(pushed))); !strings.Contains(rig.Read(t, outputs), digest) {
			t.Errorf("the attested digest is not %s: %s", digest, rig.Read(t, outputs))
		}
		if out, err := rig.Try(t, "skopeo", "inspect", "--raw", "--tls-verify=false", "docker://"+name+":latest"); err == nil {
			t.Errorf("a pre-release is the latest: %s", out)
		}
	}
	attested := 0
	for _, step := range workflow.Jobs["publish"].Steps {
		if !strings.HasPrefix(step.Uses, "actions/attest@") {
			continue
		}
		attested++
		for _, key := range []string{"subject-path", "subject-checksums", "sbom-path"} {
			names, _ := step.With[key].(string)
			for pattern := range strings.SplitSeq(names, ",") {
				if found, err := filepath.Glob(filepath.Join(work, strings.TrimSpace(pattern))); names != "" && (err != nil || len(found) == 0) {
					t.Errorf("%s: there is no %s", step.Name, pattern)
				}
			}
		}
	}
	if attested < 7 {
		t.Errorf("only %d steps attest", attested)
	}
	if notes := rig.Read(t, filepath.Join(work, "dist/notes.md")); strings.TrimSpace(notes) != "- this one goes on" {
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
