package image

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// accounts returns a config.json with an account for a host.
func accounts(host, user, password string) string {
	return fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
}

// helper puts a credential helper on PATH, a script.
func helper(t *testing.T, name, script string) {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "docker-credential-"+name), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// guardedRegistry has an image that only one account may read.
func guardedRegistry(t *testing.T) (*roottest.Registry, string) {
	t.Helper()
	r, text := seeded(t)
	r.Fault(func(w http.ResponseWriter, req *http.Request) bool {
		if user, password, _ := req.BasicAuth(); user == "ann" && password == "s3cret" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	return r, text
}

// The account of a registry comes from the first place with one, among all
// places of Docker, Podman and skopeo.
func TestI6AccountsAreFoundWhereverTheyAre(t *testing.T) {
	r, text := guardedRegistry(t)
	const none = `{"auths":{"elsewhere.example":{"auth":"eDp5"}}}`
	good := accounts(r.Host, "ann", "s3cret")
	helper(t, "works", `read server; test "$server" = "`+r.Host+`" || { echo "credentials not found in native keychain"; exit 1; }; echo '{"Username":"ann","Secret":"s3cret"}'`)
	for what, files := range map[string]map[string]string{
		"config.json":                       {".docker/config.json": good},
		"the address of a login":            {".docker/config.json": accounts("https://"+r.Host+"/v1/", "ann", "s3cret")},
		"podman's, beside config.json":      {".docker/config.json": none, "run/containers/auth.json": good},
		"podman's in the home directory":    {".docker/config.json": none, ".config/containers/auth.json": good},
		"REGISTRY_AUTH_FILE":                {".docker/config.json": none, "auth": good},
		"DOCKER_CONFIG":                     {".docker/config.json": none, "conf/config.json": good},
		"DOCKER_AUTH_CONFIG":                {".docker/config.json": none, "DOCKER_AUTH_CONFIG": good},
		"DOCKER_AUTH_CONFIG without it":     {".docker/config.json": good, "DOCKER_AUTH_CONFIG": none},
		"a variable before what is found":   {".docker/config.json": accounts(r.Host, "ann", "old"), "auth": good},
		"podman's for the repository":       {"auth": `{"auths":{"` + r.Host + `/app":{"auth":"YW5uOnMzY3JldA=="},"` + r.Host + `":{"auth":"eDp5"}}}`},
		"a helper for the host":             {".docker/config.json": `{"credHelpers":{"` + r.Host + `":"works"}}`},
		"a helper for all":                  {".docker/config.json": `{"auths":{"` + r.Host + `":{}},"credsStore":"works"}`},
		"a helper that is not there first":  {".docker/config.json": `{"credsStore":"absent"}`, "run/containers/auth.json": good},
		"a file that is damaged first":      {"auth": `{`, ".docker/config.json": good},
		"a helper in what GitLab's job has": {"DOCKER_AUTH_CONFIG": `{"credHelpers":{"` + r.Host + `":"works"}}`},
	} {
		t.Run(what, func(t *testing.T) {
			l, _ := patient()
			l.Env = inHome(t, files)
			if _, err := getFrom(t, l, text); err != nil {
				t.Error(err)
			}
		})
	}
}

// inHome returns the variables of a user with these files. A name without a
// slash is a variable.
func inHome(t *testing.T, files map[string]string) func(string) string {
	t.Helper()
	home := t.TempDir()
	env := map[string]string{"HOME": home, "XDG_RUNTIME_DIR": home + "/run"}
	for name, content := range files {
		switch {
		case name == "DOCKER_AUTH_CONFIG":
			env[name] = content
			continue
		case name == "auth":
			env["REGISTRY_AUTH_FILE"] = filepath.Join(home, name)
		case strings.HasPrefix(name, "conf/"):
			env["DOCKER_CONFIG"] = filepath.Join(home, "conf")
		}
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(home, name)), 0o700))
		must(t, os.WriteFile(filepath.Join(home, name), []byte(content), 0o600))
	}
	return func(name string) string { return env[name] }
}

// Errors do not quote a helper's answer or a damaged file.
func TestG7AccountsAreNotQuoted(t *testing.T) {
	r, text := guardedRegistry(t)
	helper(t, "fails", `echo '{"Username":"ann","Secret":"s3cret"}'; exit 3`)
	helper(t, "babbles", `echo 's3cret is the password'`)
	for what, content := range map[string]string{
		"docker-credential-fails get: exit status 3":              `{"credHelpers":{"` + r.Host + `":"fails"}}`,
		"docker-credential-babbles get: the answer is no JSON":    `{"credHelpers":{"` + r.Host + `":"babbles"}}`,
		"config.json is no JSON of docker login or podman login":  `{"auths": s3cret}`,
		"docker-credential-absent get: exec: \"docker-credential": `{"credsStore":"absent"}`,
	} {
		l, _ := patient()
		l.Env = inHome(t, map[string]string{".docker/config.json": content})
		_, err := getFrom(t, l, text)
		if err == nil || !strings.Contains(err.Error(), what) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v, want %q", err, what)
		}
	}
}
