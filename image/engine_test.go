package image_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/hint"
)

// fakeEngine answers Docker's API for one image on a socket, and keeps loaded
// images.
func fakeEngine(t *testing.T, archive string) (socket, loaded string) {
	t.Helper()
	dir := t.TempDir()
	socket, loaded = filepath.Join(dir, "d.sock"), filepath.Join(dir, "loaded.tar")
	listener, err := net.Listen("unix", socket)
	must(t, err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet && r.URL.Path == "/images/team/app:1/get":
			http.ServeFile(w, r, archive)
		case r.Method == http.MethodPost && r.URL.Path == "/images/load":
			data, _ := io.ReadAll(r.Body)
			_ = os.WriteFile(loaded, data, 0o600)
			if strings.Contains(string(data), "refused:latest") {
				_, _ = io.WriteString(w, `{"stream":"x"}{"error":"no space left"}`)
				return
			}
			_, _ = io.WriteString(w, `{"stream":"Loaded image"}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"message":"No such image"}`)
		}
	}))
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return socket, loaded
}

func TestEngine(t *testing.T) {
	socket, loaded := fakeEngine(t, docker(t, []string{"team/app:1"}, base(t)...))
	env := map[string]string{"DOCKER_HOST": "unix://" + socket}
	locations := &image.Locations{Env: func(name string) string { return env[name] }}
	img := get(t, locations, "docker-daemon:team/app:1")
	put(t, locations, "docker-daemon:team/app", update(t, img, appendBundle("new"), image.Options{}).Image)
	checkSaved(t, loaded, []string{"team/app:latest"}, 3)

	at := func(text string) image.Location {
		l, err := locations.Parse(text)
		must(t, err)
		return l
	}
	if _, err := at("docker-daemon:nothing").Get(t.Context()); err == nil || !strings.Contains(err.Error(), "No such image") {
		t.Errorf("%v", err)
	}
	if err := at("docker-daemon:refused").Put(t.Context(), img); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("%v", err)
	}
	for host, want := range map[string]error{"unix:///nowhere/d.sock": image.ErrUnreachable, "tcp://127.0.0.1:1": image.ErrUnreachable, "ssh://host": image.ErrUsage} {
		env["DOCKER_HOST"] = host
		if _, err := at("docker-daemon:x").Get(t.Context()); !errors.Is(err, want) {
			t.Errorf("%s: %v", host, err)
		}
		if err := at("docker-daemon:x").Put(t.Context(), img); !errors.Is(err, want) {
			t.Errorf("%s: %v", host, err)
		}
	}
	runtimeDir := filepath.Dir(socket)
	must(t, os.Rename(socket, filepath.Join(runtimeDir, "docker.sock")))
	if _, err := os.Stat("/var/run/docker.sock"); err != nil { // an engine of the machine comes first
		env["DOCKER_HOST"], env["XDG_RUNTIME_DIR"] = "", runtimeDir
		get(t, locations, "docker-daemon:team/app:1")
	}
}

// An answer that is not an archive is refused, with its kind.
func TestBadArchives(t *testing.T) {
	dir := t.TempDir()
	locations := &image.Locations{}
	plain := docker(t, []string{"a:1"}, base(t)...)
	for name, content := range map[string]string{"text.tar": "this is no archive, only text" + strings.Repeat(".", 600), "empty.tar": ""} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	for text, want := range map[string]string{
		"docker-archive:" + dir + "/text.tar":    "no tar archive",
		"docker-archive:" + dir + "/empty.tar":   "no manifest.json",
		"oci-archive:" + plain:                   "no index.json",
		"docker-archive:" + dir + "/nowhere":     "no such file",
		"oci:" + dir:                             "no index.json",
		"docker-archive:" + plain + ":other:tag": "no image other:tag",
		"docker-archive:-":                       "no standard input",
	} {
		at, err := locations.Parse(text)
		must(t, err)
		if _, err := at.Get(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	out, err := locations.Parse("oci-archive:-")
	must(t, err)
	if err := out.Put(t.Context(), get(t, locations, "docker-archive:"+plain)); err == nil || !strings.Contains(err.Error(), "no standard output") {
		t.Errorf("%v", err)
	}
}

// A server that is not an engine gives another error than a bad archive.
func TestNoEngine(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page")
	must(t, os.WriteFile(page, []byte("<html>"+strings.Repeat("x", 2000)), 0o600))
	socket, _ := fakeEngine(t, page)
	l := &image.Locations{Env: func(name string) string { return map[string]string{"DOCKER_HOST": "unix://" + socket}[name] }}
	at, err := l.Parse("docker-daemon:team/app:1")
	must(t, err)
	if _, err = at.Get(t.Context()); err == nil || !strings.Contains(err.Error(), "sends no archive of an image") || !strings.Contains(strings.Join(hint.Of(err), ""), "docker version") {
		t.Errorf("%v %q", err, hint.Of(err))
	}
}
