package oci

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestReadState(t *testing.T) {
	s, err := ReadState(strings.NewReader(`{"ociVersion":"1.0.2","id":"c1","status":"created","pid":42,"bundle":"/run/b","annotations":{"a":"b"}}`))
	if err != nil || s != (State{"c1", 42, "/run/b"}) {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []string{``, `{}`, `[]`, `{"id":"../../etc/x"}`, `{"id":".."}`} {
		if _, err := ReadState(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func container(t *testing.T, config string) (*Container, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, configName), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := ReadContainer(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c, dir
}

func TestRoot(t *testing.T) {
	c, dir := container(t, `{"root":{"path":"rootfs"},"process":{"env":["A=1"]}}`)
	if root, err := c.Root(); root != filepath.Join(dir, "rootfs") || err != nil {
		t.Errorf("%s, %v", root, err)
	}
	c, _ = container(t, `{"root":{"path":"/merged"}}`)
	if root, err := c.Root(); root != "/merged" || err != nil || c.Environ() != nil {
		t.Errorf("%s, %v", root, err)
	}
	c, _ = container(t, `{}`)
	if root, err := c.Root(); err == nil {
		t.Errorf("the root is %s", root)
	}
}

// A configuration keeps its content, and gets both hooks once.
func TestAddHooks(t *testing.T) {
	c, dir := container(t, `{"root":{"path":"rootfs"},"process":{"args":["sh"],"env":["PATH=/bin","NODE_EXTRA_CA_CERTS=/theirs"]},"hooks":{"createRuntime":[{"path":"/theirs"}],"prestart":[{"path":"/old"}]},"linux":{"x":12345678901234567890}}`)
	h := Hooks{Program: "/bin/certgraft", In: []string{"--offline", "/corp.pem"}, Out: []string{"--strict"}}
	for range 2 {
		if err := c.AddHooks(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Setenv([]string{"NODE_EXTRA_CA_CERTS=/ours", "SSL_CERT_FILE=/ours"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Write(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, configName))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"hooks":{"createRuntime":[{"path":"/theirs"},{"path":"/bin/certgraft","args":["certgraft","hook","in","--offline","/corp.pem"]}],"poststop":[{"path":"/bin/certgraft","args":["certgraft","hook","out","--strict"]}],"prestart":[{"path":"/old"}]},` +
		`"linux":{"x":12345678901234567890},"process":{"args":["sh"],"env":["PATH=/bin","NODE_EXTRA_CA_CERTS=/theirs","SSL_CERT_FILE=/ours"]},"root":{"path":"rootfs"}}`
	if string(data) != want {
		t.Errorf("the configuration is\n%s, want\n%s", data, want)
	}
	c, _ = container(t, `{"root":{"path":"rootfs"},"hooks":null}`)
	if err := c.AddHooks(h); err != nil || !strings.Contains(string(c.all["hooks"]), "hook") {
		t.Errorf("%s, %v", c.all["hooks"], err)
	}
	if err := c.Setenv([]string{"A=1"}); err != nil || c.all["process"] != nil {
		t.Errorf("a process was made: %s, %v", c.all["process"], err)
	}
}

func TestParseArguments(t *testing.T) {
	for line, want := range map[string]Arguments{
		"":                       {Command: "", Bundle: "."},
		"--version":              {Command: "", Bundle: "."},
		"run c":                  {Command: "run", Bundle: "."},
		"create --bundle /b c":   {Command: "create", Bundle: "/b"},
		"create --bundle=/b c":   {Command: "create", Bundle: "/b"},
		"run -b /b -d c":         {Command: "run", Bundle: "/b"},
		"run -d --pid-file x -b": {Command: "run", Bundle: "."},
		"--root /run/x --log /l --log-format json --systemd-cgroup create --bundle /b --pid-file /p c": {"create", "/b", Log{"/l", true}},
		"--log=/create --debug start c":             {"start", ".", Log{"/create", false}},
		"--root create delete --force c":            {Command: "delete", Bundle: "."},
		"exec --process /p c":                       {Command: "exec", Bundle: "."},
		"--cgroup-manager cgroupfs create -b /b id": {Command: "create", Bundle: "/b"},
	} {
		if got := ParseArguments(strings.Fields(line)); got != want {
			t.Errorf("%s: %+v, want %+v", line, got, want)
		}
	}
}

// The error is the last line of a runtime's log.
func TestLog(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	for _, json := range []bool{true, false} {
		if err := (Log{name, json}).Error(time.Unix(0, 0), "a \"b\""); err != nil {
			t.Fatal(err)
		}
	}
	if err := (Log{}).Error(time.Now(), "x"); err != nil {
		t.Error(err)
	}
	const want = `{"level":"error","msg":"a \"b\"","time":"1970-01-01T00:00:00Z"}` + "\n" + `time="1970-01-01T00:00:00Z" level=error msg="a \"b\""` + "\n"
	if got, err := os.ReadFile(name); string(got) != want || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}

func TestDevice(t *testing.T) {
	d := Device{Name: "corp", Hooks: Hooks{Program: "/bin/certgraft", In: []string{"/corp.pem"}}}
	for plain, version := range map[bool]string{false: "0.6.0", true: "0.3.0"} {
		d.Plain = plain
		data, err := d.Encode()
		if err != nil || !json.Valid(data) {
			t.Fatal(string(data), err)
		}
		if s := string(data); !strings.Contains(s, `"cdiVersion": "`+version) || strings.Contains(s, "annotations") == plain || !strings.Contains(s, `"hookName": "createRuntime"`) || !strings.Contains(s, `"hookName": "poststop"`) {
			t.Error(s)
		}
	}
}
