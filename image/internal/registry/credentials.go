package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/certgraft/certgraft/internal/input"
)

// credentials returns the account for a repository from the first place that
// has one. An unreadable place is an error only if no place has an account.
func (c *Client) credentials(ctx context.Context, repo name.Repository) (authn.Authenticator, error) {
	var failed error
	for _, place := range credentialPlaces(c.env) {
		file, err := place.read(ctx)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		account, err := file.account(ctx, repo)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", place.name, err))
			continue
		}
		if account != (authn.AuthConfig{}) {
			return authn.FromConfig(account), nil
		}
	}
	return authn.Anonymous, failed
}

// credentialPlace is a file in the format of Docker's config.json, or its text.
type credentialPlace struct {
	name string // of the variable or file
	text string // "" reads the file
}

// credentialPlaces returns the places where Docker, Podman and skopeo keep
// accounts. Places from variables come first. See config.json in
// docker-login(1), and containers-auth.json(5).
func credentialPlaces(env func(string) string) (places []credentialPlace) {
	add := func(dir string, elem ...string) {
		if dir != "" {
			places = append(places, credentialPlace{name: filepath.Join(append([]string{dir}, elem...)...)})
		}
	}
	if text := env("DOCKER_AUTH_CONFIG"); text != "" {
		places = append(places, credentialPlace{"DOCKER_AUTH_CONFIG", text})
	}
	add(env("REGISTRY_AUTH_FILE"))
	add(env("DOCKER_CONFIG"), "config.json")
	add(env("HOME"), ".docker", "config.json")
	add(env("XDG_RUNTIME_DIR"), "containers", "auth.json")
	add("/run/containers", fmt.Sprint(os.Getuid()), "auth.json")
	add(env("XDG_CONFIG_HOME"), "containers", "auth.json")
	add(env("HOME"), ".config", "containers", "auth.json")
	return places
}

// read reads the place. A missing file has no accounts.
func (p credentialPlace) read(ctx context.Context) (file credentialFile, err error) {
	data := []byte(p.text)
	if p.text == "" {
		data, err = input.ReadFile(ctx, p.name)
		if errors.Is(err, fs.ErrNotExist) || len(bytes.TrimSpace(data)) == 0 && err == nil {
			return file, nil
		}
		if err != nil {
			return file, err
		}
	}
	if json.Unmarshal(data, &file) != nil { // the JSON error might quote a password
		return file, fmt.Errorf("%s is no JSON of docker login or podman login", p.name)
	}
	return file, nil
}

// credentialFile has the accounts of config.json or auth.json.
type credentialFile struct {
	Auths       map[string]authn.AuthConfig `json:"auths"`
	CredHelpers map[string]string           `json:"credHelpers"`
	CredsStore  string                      `json:"credsStore"`
}

// account returns the account for a repository. podman login may keep an
// account for a path, and the longest path counts.
func (f credentialFile) account(ctx context.Context, repo name.Repository) (account authn.AuthConfig, err error) {
	for _, key := range credentialKeys(repo) {
		if helper := f.CredHelpers[key]; helper != "" {
			account, err = askHelper(ctx, helper, key)
		} else {
			account = f.stored(key)
		}
		if err != nil || account != (authn.AuthConfig{}) {
			return account, err
		}
	}
	if f.CredsStore == "" {
		return account, nil
	}
	return askHelper(ctx, f.CredsStore, serverKey(repo))
}

func (f credentialFile) stored(key string) authn.AuthConfig {
	if account, ok := f.Auths[key]; ok {
		return account
	}
	for stored, account := range f.Auths {
		_, stored, _ = strings.Cut(stored, "://")
		if stored, _, _ = strings.Cut(stored, "/"); stored == key {
			return account
		}
	}
	return authn.AuthConfig{}
}

// credentialKeys returns the names under which the account of a repository may
// be kept.
func credentialKeys(repo name.Repository) (keys []string) {
	hosts := []string{repo.RegistryStr()}
	if repo.RegistryStr() == name.DefaultRegistry {
		hosts = []string{name.DefaultRegistry, "docker.io"}
	}
	for path := "/" + repo.RepositoryStr(); path != ""; path = path[:strings.LastIndexByte(path, '/')] {
		for _, host := range hosts {
			keys = append(keys, host+path)
		}
	}
	if len(hosts) > 1 {
		keys = append(keys, authn.DefaultAuthKey)
	}
	return append(keys, hosts...)
}

// serverKey returns the name under which a helper keeps the account of a
// registry.
func serverKey(repo name.Repository) string {
	if repo.RegistryStr() == name.DefaultRegistry {
		return authn.DefaultAuthKey
	}
	return repo.RegistryStr()
}

// askHelper asks a program for an account. Errors do not quote the answer: it
// may contain the password. See
// https://docs.docker.com/reference/cli/docker/login/#credential-helper-protocol.
func askHelper(ctx context.Context, helper, server string) (authn.AuthConfig, error) {
	program := "docker-credential-" + helper
	cmd := exec.CommandContext(ctx, program, "get")
	cmd.Stdin = strings.NewReader(server)
	out, err := cmd.Output()
	if err != nil {
		if strings.TrimSpace(string(out)) == "credentials not found in native keychain" {
			return authn.AuthConfig{}, nil
		}
		return authn.AuthConfig{}, fmt.Errorf("%s get: %w", program, err)
	}
	var said struct{ Username, Secret string }
	if json.Unmarshal(out, &said) != nil {
		return authn.AuthConfig{}, fmt.Errorf("%s get: the answer is no JSON", program)
	}
	if said.Username == "<token>" {
		return authn.AuthConfig{IdentityToken: said.Secret}, nil
	}
	return authn.AuthConfig{Username: said.Username, Password: said.Secret}, nil
}
