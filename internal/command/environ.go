package command

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/command/launch"
)

// environ is the environment of the process. Every variable that certgraft
// reads is named here:
//
//	CERTGRAFT_BUNDLE   set by run: what of the variables is a run's own, install and remove leave alone
//	CERTGRAFT_CACHE    directory that keeps downloads (also a flag)
//	CERTGRAFT_CATALOG  a company's own catalogue (also a flag)
//	CERTGRAFT_CHECK_POLICY  what check demands (also a flag)
//	CERTGRAFT_LOCK     the lock that says what may be installed (also a flag)
//	CERTGRAFT_SHARD    the part of a list of images to patch (also a flag)
//	SOURCE_DATE_EPOCH  the moment at which expiry is judged, and the times of what is written
//	NO_COLOR, TERM     no colour where NO_COLOR is set or TERM is "dumb"
//	https_proxy …      read for downloads, registries and engines, and by verify for https
//	DOCKER_HOST        the engine of docker-daemon:, XDG_RUNTIME_DIR where a user's own has its socket
//	DOCKER_CONTEXT     the context of docker-daemon:, where DOCKER_HOST is not set
//	DOCKER_TLS_VERIFY, DOCKER_TLS, DOCKER_CERT_PATH  how the engine is reached by TLS, as docker does
//	DOCKER_AUTH_CONFIG  the accounts for registries, as the text of a config.json
//	DOCKER_CONFIG, REGISTRY_AUTH_FILE, XDG_CONFIG_HOME, HOME  where the accounts for registries are, and docker's contexts
//	TMPDIR, HOME       where run keeps its bundle, if it can
//	container          set in a container, where install and remove do not wait for the disk
//	PATH               where certgraft-runc looks for the runtime
//	CERTGRAFT_RUNC_PROCESS  set by certgraft-runc for the runtime: a copy of itself in its place notices
//	SSL_CERT_FILE …    on the running system, files that programs are told to read are extended; run merges them, APT_CONFIG, WGETRC and the options of Java
//
// Package readers has the table of the last.
type environ map[string]string

func processEnviron() environ { return environOf(os.Environ()) }

// environOf returns variables by their names.
func environOf(env []string) map[string]string {
	all := map[string]string{}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		all[name] = value
	}
	return all
}

// environOfImage returns the environment of the programs of an image. Some images
// start Java by its path and set no JAVA_HOME: then JAVA_HOME is taken from that
// path.
func environOfImage(config *image.Config) map[string]string {
	all := environOf(config.Env)
	for _, program := range config.Programs {
		if home, ok := strings.CutSuffix(program, "/bin/java"); ok && home != "" && all["JAVA_HOME"] == "" {
			all["JAVA_HOME"] = home
		}
	}
	return all
}

// list returns the variables as a process gets them, sorted.
func (e environ) list() []string {
	all := make([]string, 0, len(e))
	for name, value := range e {
		all = append(all, name+"="+value)
	}
	slices.Sort(all)
	return all
}

// withoutRun returns the environment without the variables by which certgraft run
// gives this process CAs. The files that they name belong to the run, which
// updates them from the system's bundle itself.
func (e environ) withoutRun() environ {
	dir := filepath.Dir(e[runBundle])
	if !launch.IsDir(dir) {
		return e
	}
	rest := maps.Clone(e)
	maps.DeleteFunc(rest, func(_, value string) bool { return strings.Contains(value, dir+"/") })
	return rest
}

// epoch returns SOURCE_DATE_EPOCH, or false if it is not set.
// See https://reproducible-builds.org/specs/source-date-epoch/.
func (e environ) epoch() (time.Time, bool, error) {
	value, ok := e["SOURCE_DATE_EPOCH"]
	if !ok || value == "" {
		return time.Time{}, false, nil
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	at := time.Unix(seconds, 0).UTC()
	if err != nil || at.UnixNano()/int64(time.Second) != seconds {
		return time.Time{}, false, usagef("SOURCE_DATE_EPOCH=%s is not a number of seconds that a clock could show", value)
	}
	return at, true, nil
}

// now returns the moment of judgement: certificates are judged at it.
func (e environ) now() (time.Time, error) {
	at, ok, err := e.epoch()
	if !ok {
		at = time.Now().UTC()
	}
	return at, err
}

// clock names the source of the moment of judgement if it is not the clock.
func (e environ) clock() string {
	if _, ok, _ := e.epoch(); ok {
		return "SOURCE_DATE_EPOCH"
	}
	return ""
}

func (e environ) colour() bool { return e["NO_COLOR"] == "" && e["TERM"] != "dumb" }
