// Package manifests checks the workflows, the action and the manifests that
// others copy, with the types and linters of those who read them. It is a
// module of its own: the program needs none of what it imports.
package manifests

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	batch "k8s.io/api/batch/v1"
	"sigs.k8s.io/yaml"
)

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func workflows(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("../../.github/workflows/*.yml")
	if err != nil || len(names) < 2 {
		t.Fatalf("workflows: %q, %v", names, err)
	}
	return names
}

// Workflows are right, their expressions too, and they call action.yml with
// inputs that it has.
func TestWorkflows(t *testing.T) {
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{Shellcheck: "shellcheck"})
	if err != nil {
		t.Fatal(err)
	}
	found, err := linter.LintFiles(workflows(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range found {
		t.Error(e)
	}
}

// What runs is named by commit, with the version that it is, and no job may
// more than it says.
func TestWorkflowsArePinned(t *testing.T) {
	pinned := regexp.MustCompile(`^uses: (\./|[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$`)
	for _, name := range workflows(t) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		if !strings.Contains(text, "\npermissions: {}\n") {
			t.Errorf("%s: by default a job has the permissions of the repository: write permissions: {}", name)
		}
		jobs := strings.Count(text, "\n    runs-on: ")
		if n := strings.Count(text, "\n    permissions:"); n != jobs {
			t.Errorf("%s: %d of %d jobs say what they may", name, n, jobs)
		}
		for line := range strings.SplitSeq(text, "\n") {
			line = strings.TrimPrefix(strings.TrimSpace(line), "- ")
			if strings.HasPrefix(line, "uses:") && !pinned.MatchString(line) {
				t.Errorf("%s: %s is not pinned to a commit, with its version in a comment", name, line)
			}
			if strings.HasPrefix(line, "uses: actions/checkout@") && !strings.Contains(text, "persist-credentials: false") {
				t.Errorf("%s: checkout leaves its credentials behind", name)
			}
		}
		if strings.Contains(text, "pull_request_target") {
			t.Errorf("%s: pull_request_target runs the code of others with our permissions", name)
		}
	}
}

// Nothing of an expression is pasted into a script, where it would be run.
func TestNoExpressionInScripts(t *testing.T) {
	for _, name := range append(workflows(t), "../../action.yml") {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var document map[string]any
		if err := yaml.UnmarshalStrict(data, &document); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		scripts := 0
		walk(document, func(key string, value any) {
			script, ok := value.(string)
			if key != "run" || !ok {
				return
			}
			if scripts++; strings.Contains(script, "${{") {
				t.Errorf("%s: an expression in %q", name, script)
			}
		})
		if scripts == 0 {
			t.Errorf("%s: no script", name)
		}
	}
}

func walk(v any, visit func(key string, value any)) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			visit(key, value)
			walk(value, visit)
		}
	case []any:
		for _, value := range v {
			walk(value, visit)
		}
	}
}

// Every input of the action goes to its script, which reads no other; every
// output is one that the script writes.
func TestActionInputs(t *testing.T) {
	var action struct {
		Inputs  map[string]any
		Outputs map[string]struct{ Value string }
		Runs    struct {
			Steps []struct {
				ID  string
				Env map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(read(t, "action.yml"), &action); err != nil {
		t.Fatal(err)
	}
	env, script := action.Runs.Steps[0].Env, string(read(t, ".github/action.sh"))
	for name, output := range action.Outputs {
		if output.Value != "${{ steps."+action.Runs.Steps[0].ID+".outputs."+name+" }}" || !regexp.MustCompile(`echo "`+name+`(=|<<)`).MatchString(script) {
			t.Errorf("output %s is %s, which action.sh does not write", name, output.Value)
		}
	}
	for name := range action.Inputs {
		variable := "INPUT_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		if env[variable] != "${{ inputs."+name+" }}" {
			t.Errorf("%s is %q, want the input %s", variable, env[variable], name)
		}
	}
	for _, m := range regexp.MustCompile(`(?s)- uses: certgraft/certgraft@[^\n]*\n(.*?)(?:\n- |\x60\x60\x60)`).FindAllStringSubmatch(string(read(t, "docs/pipelines.md")), -1) {
		var step struct{ With map[string]string }
		if err := yaml.Unmarshal([]byte(strings.ReplaceAll("\n"+m[1], "\n  ", "\n")), &step); err != nil || len(step.With) < 3 {
			t.Errorf("docs/pipelines.md: %v in %q", err, m[1])
		}
		for name := range step.With {
			if action.Inputs[name] == nil {
				t.Errorf("docs/pipelines.md: the action has no input %s", name)
			}
		}
	}
	for _, variable := range regexp.MustCompile(`INPUT_[A-Z0-9_]+`).FindAllString(script, -1) {
		if _, ok := env[variable]; !ok {
			t.Errorf("action.sh reads %s, which action.yml does not set", variable)
		}
	}
}

func TestTektonTasks(t *testing.T) {
	names, err := filepath.Glob("../../deploy/tekton/*.yaml")
	if err != nil || len(names) != 2 {
		t.Fatalf("tasks: %q, %v", names, err)
	}
	for _, name := range names {
		var task tekton.Task
		if err := yaml.UnmarshalStrict(read(t, filepath.Join("deploy/tekton", filepath.Base(name))), &task); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		task.SetDefaults(t.Context())
		if err := task.Validate(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(task.Spec.Steps) != 1 || task.Spec.Steps[0].Script != "" {
			t.Errorf("%s: the image has no shell: %d steps, script %q", name, len(task.Spec.Steps), task.Spec.Steps[0].Script)
		}
		if task.Name+".yaml" != filepath.Base(name) {
			t.Errorf("%s has the task %s", name, task.Name)
		}
	}
}

func TestKubernetesJobs(t *testing.T) {
	for _, name := range []string{"patch-images", "check-images"} {
		t.Run(name, func(t *testing.T) { kubernetesJob(t, "deploy/kubernetes/"+name+".yaml") })
	}
}

func kubernetesJob(t *testing.T, file string) {
	t.Helper()
	var job batch.Job
	if err := yaml.UnmarshalStrict(read(t, file), &job); err != nil {
		t.Fatal(err)
	}
	if job.APIVersion != "batch/v1" || job.Kind != "Job" || job.Spec.CompletionMode == nil || *job.Spec.CompletionMode != batch.IndexedCompletion {
		t.Errorf("%s %s %v, want an Indexed Job", job.APIVersion, job.Kind, job.Spec.CompletionMode)
	}
	pod := job.Spec.Template.Spec
	volumes := map[string]bool{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = true
	}
	for _, m := range pod.Containers[0].VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("no volume %s", m.Name)
		}
	}
	env := map[string]bool{}
	for _, e := range pod.Containers[0].Env {
		env[e.Name] = true
		if key := e.ValueFrom; key != nil && key.ConfigMapKeyRef != nil && !strings.Contains(string(read(t, file)), "--from-literal="+key.ConfigMapKeyRef.Key+"=") {
			t.Errorf("the comment does not say where %s is from", e.Name)
		}
	}
	for _, m := range regexp.MustCompile(`\$\(([A-Z_]+)\)`).FindAllStringSubmatch(strings.Join(pod.Containers[0].Args, " "), -1) {
		if !env[m[1]] {
			t.Errorf("$(%s) is not in env: it would not be expanded", m[1])
		}
	}
	shard := ""
	for _, arg := range pod.Containers[0].Args {
		if value, ok := strings.CutPrefix(arg, "--shard=$(JOB_COMPLETION_INDEX)/"); ok {
			shard = value
		}
	}
	if completions, err := yaml.Marshal(job.Spec.Completions); err != nil || shard != string(bytes.TrimSpace(completions)) {
		t.Errorf("--shard …/%s and completions: %s", shard, completions)
	}
	if pod.RestartPolicy != "Never" {
		t.Errorf("restartPolicy %s: backoffLimitPerIndex needs Never", pod.RestartPolicy)
	}
}
