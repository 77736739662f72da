//go:build e2e

package release

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// indexedJob is what of a Job's manifest is played.
type indexedJob struct {
	Spec struct {
		Completions      int
		PodFailurePolicy struct {
			Rules []struct {
				Action      string
				OnExitCodes struct{ Values []int }
			}
		}
		Template struct {
			Spec struct{ Containers []container }
		}
	}
}

func readJob(t *testing.T, name string) (job indexedJob) {
	t.Helper()
	document(t, "deploy/kubernetes/"+name+".yaml", &job)
	return job
}

// ran is what one index of a Job printed, and how it ended.
type ran struct {
	out    string
	status int
}

// run runs every index as a kubelet would, in the release's image, with $(VARIABLE)
// expanded. Host has the directory of each volume, and config the keys of the ConfigMap.
func (j indexedJob) run(t *testing.T, host, config map[string]string) (all []ran) {
	t.Helper()
	c := j.Spec.Template.Spec.Containers[0]
	flags := slices.Clone(hardened)
	for _, m := range c.VolumeMounts {
		rig.Run(t, "chmod", "-R", "a+rwX", host[m.Name])
		flags = append(flags, "-v", host[m.Name]+":"+m.MountPath)
	}
	for index := range j.Spec.Completions {
		command, expand := slices.Clone(flags), []string{}
		for _, e := range c.Env {
			value := e.Value
			if key := e.ValueFrom.ConfigMapKeyRef.Key; key != "" {
				value = config[key]
			} else if e.Name == "JOB_COMPLETION_INDEX" {
				value = fmt.Sprint(index)
			}
			command = append(command, "-e", e.Name+"="+value)
			expand = append(expand, "$("+e.Name+")", value)
		}
		command = append(command, "certgraft:release")
		for _, arg := range c.Args {
			command = append(command, strings.NewReplacer(expand...).Replace(arg))
		}
		out, err := rig.Try(t, "env", rig.DockerCommand(t, command...)...)
		exit, failed := errors.AsType[*exec.ExitError](err)
		if err != nil && !failed {
			t.Fatalf("index %d: %v\n%s", index, err, out)
		}
		one := ran{out: out}
		if failed {
			one.status = exit.ExitCode()
		}
		all = append(all, one)
	}
	return all
}

// The Indexed Job that checks: together the indexes check each image of the list once,
// and the one that has a finding fails in the way that is not tried again.
func TestKubernetesCheckJob(t *testing.T) {
	dist, version := firstRelease(t)
	loadRelease(t, dist, version)
	job, r, corp := readJob(t, "check-images"), rig.StartRegistry(t, nil), rig.NewAuthority(t, "Corp Root").CAFile
	const images, bad = 11, 3
	patched := "oci:" + t.TempDir() + ":patched"
	rig.Run(t, rig.Certgraft, "patch", smallImage(t), corp, "--tag", patched)
	var list strings.Builder
	for i := range images {
		from := patched
		if i == bad {
			from = smallImage(t)
		}
		rig.Run(t, "skopeo", "copy", "-q", "--dest-tls-verify=false", from, fmt.Sprintf("docker://%s/app%d:1", r.Host, i))
		fmt.Fprintf(&list, "%s/app%d:1\n", r.Host, i)
	}
	host := map[string]string{"work": filepath.Join(t.TempDir(), "work"), "docker": t.TempDir(), "cache": t.TempDir()}
	rig.Write(t, filepath.Join(host["work"], "images.txt"), list.String())
	rig.Write(t, filepath.Join(host["work"], "corp.pem"), rig.Read(t, corp))
	rig.Write(t, filepath.Join(host["work"], "policy.json"), `{"version":1,"require":["/work/corp.pem"]}`)
	rig.Write(t, filepath.Join(host["docker"], "config.json"), "{}")

	checked, failed := 0, 0
	for index, one := range job.run(t, host, nil) {
		found := regexp.MustCompile(`(?m)^(?:.*: )?total: (\d+) roots?`).FindStringSubmatch(one.out)
		if found == nil {
			t.Errorf("index %d has no total:\n%s", index, one.out)
			continue
		}
		n, _ := strconv.Atoi(found[1]) // the expression has digits alone
		checked += n
		if one.status == 0 {
			continue
		}
		failed++
		if one.status != 5 || !strings.Contains(one.out, fmt.Sprintf("%s/app%d:1", r.Host, bad)) || !strings.Contains(one.out, "missing") {
			t.Errorf("index %d: status %d\n%s", index, one.status, one.out)
		}
	}
	if checked != images || failed != 1 {
		t.Errorf("%d of %d images were checked, and %d indexes failed", checked, images, failed)
	}
	if rules := job.Spec.PodFailurePolicy.Rules; len(rules) != 1 || rules[0].Action != "FailIndex" || !slices.Equal(rules[0].OnExitCodes.Values, []int{5}) {
		t.Errorf("an index with a finding is tried again: %v", rules)
	}
}
