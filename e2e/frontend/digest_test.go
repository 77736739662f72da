//go:build e2e

package frontend

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// A change is what a Dockerfile does to a base: its lines, behind FROM.
type change struct{ base, lines string }

// changes are what steps do to the stores, or beside them. /opt has the CA that the
// builds are to trust, corp.pem, another one, own.pem, and certgraft.
var changes = map[string]change{
	"echo":                      {"trixie", "RUN echo one >/one"},
	"mkdir":                     {"trixie", "RUN mkdir -p /srv/a/b"},
	"apt-like":                  {"trixie", "RUN mkdir -p /var/lib/apt/lists/partial && echo x >>/var/lib/dpkg/status && echo x >/usr/bin/x && rm -rf /var/cache/apt /usr/share/doc"},
	"nobody":                    {"trixie", "USER nobody\nRUN echo x >/tmp/x"},
	"Debian 12":                 {"bookworm", "RUN echo x >/x\nRUN update-ca-certificates --fresh"},
	"alpine":                    {"alpine", "RUN echo x >/x\nRUN echo x >>/etc/ssl/certs/ca-certificates.crt"},
	"distroless":                {"distroless", `RUN ["/client", "http://REGISTRY/v2/"]`},
	"scratch":                   {"scratch", `RUN ["/client", "http://REGISTRY/v2/"]`},
	"touch":                     {"trixie", "RUN touch /etc/ssl /etc/ssl/certs/ca-certificates.crt /usr/local/share\nRUN touch -d 2020-01-01 /etc/ssl/certs"},
	"chmod":                     {"trixie", "RUN chmod 640 /etc/ssl/certs/ca-certificates.crt && chmod 750 /etc/ssl/certs"},
	"chown":                     {"trixie", "RUN chown 12:34 /etc/ssl/certs/ca-certificates.crt /etc/ssl"},
	"the tool":                  {"trixie", "RUN update-ca-certificates"},
	"the tool afresh":           {"trixie", "RUN update-ca-certificates --fresh"},
	"own CA":                    {"trixie", addOwn + "\nRUN rm /usr/local/share/ca-certificates/own.crt && update-ca-certificates"},
	"own CA in one step":        {"trixie", addOwn + " && rm /usr/local/share/ca-certificates/own.crt && update-ca-certificates --fresh"},
	"deselected":                {"trixie", "RUN sed -i 's,^mozilla/ISRG_Root_X1,!&,' /etc/ca-certificates.conf && update-ca-certificates"},
	"appended":                  {"trixie", "RUN cat /opt/own.pem >>/etc/ssl/certs/ca-certificates.crt"},
	"same bytes":                {"trixie", "RUN cp /etc/ssl/certs/ca-certificates.crt /tmp/x && cat /tmp/x >/etc/ssl/certs/ca-certificates.crt && rm /tmp/x"},
	"anchors gone":              {"trixie", "RUN rm -rf /usr/local/share/ca-certificates"},
	"bundle gone":               {"trixie", "RUN rm /etc/ssl/certs/ca-certificates.crt"},
	"all gone":                  {"trixie", "RUN rm -rf /etc/ssl"},
	"made again":                {"trixie", "RUN rm -rf /etc/ssl/certs && mkdir /etc/ssl/certs && update-ca-certificates"},
	"copy moved":                {"trixie", "RUN cp /etc/ssl/certs/ca-certificates.crt /etc/ssl/x && mv /etc/ssl/x /etc/ssl/certs/ca-certificates.crt"},
	"hard link":                 {"trixie", "RUN ln /etc/ssl/certs/ca-certificates.crt /srv/bundle"},
	"newer package":             {"trixie", "COPY --from=REGISTRY/package:1 /newer.deb /opt/\nRUN DEBIAN_FRONTEND=noninteractive dpkg -i /opt/newer.deb && rm /var/log/dpkg.log"},
	"another by us":             {"trixie", "ARG SOURCE_DATE_EPOCH\nRUN /opt/certgraft install -q --offline /opt/own.pem\nRUN /opt/certgraft remove -q --all"},
	"base has it":               {"has-corp", "RUN echo x >/x\nRUN update-ca-certificates --fresh"},
	"copy has it":               {"trixie", "COPY --from=REGISTRY/package:1 /opt/corp.pem /usr/local/share/ca-certificates/corp.crt\nRUN echo x >/x"},
	"copy has it, and the tool": {"trixie", "COPY --from=REGISTRY/package:1 /opt/corp.pem /usr/local/share/ca-certificates/corp.crt\nRUN update-ca-certificates"},
	"base has own by us":        {"has-record", "RUN echo x >/x\nRUN update-ca-certificates\nRUN /opt/certgraft inspect --json / >/dev/null"},
	"base has hard link":        {"has-hard-link", "RUN echo x >/x\nRUN update-ca-certificates --fresh"},
}

const addOwn = "RUN cp /opt/own.pem /usr/local/share/ca-certificates/own.crt && update-ca-certificates"

// quick are the changes that are looked at where there is no time for all.
var quick = []string{"scratch", "hard link", "appended"}

// digests is a setup with bases for changes, each put into the registry when it is
// first needed.
type digests struct {
	setup
	own    string // another CA
	pushed map[string]bool
	wrap   *rig.BuildKit // in which each container is made by certgraft-runc
}

func newDigests(t *testing.T) *digests {
	t.Helper()
	return &digests{setup: start(t), own: rig.NewAuthority(t, "Example Own Root").CAFile, pushed: map[string]bool{}}
}

// way is how steps come to trust: by the frontend's arguments, or by the engine.
type way struct {
	setup
	args []string
}

// ways are all ways.
func (d *digests) ways(t *testing.T) map[string]way {
	t.Helper()
	if d.wrap == nil {
		d.wrap = rig.StartBuildKitWith(t, d.registry, rig.KitOptions{Wrapped: d.ca})
	}
	hooked := d.setup
	hooked.kit = d.wrap
	return map[string]way{
		"env":     {d.setup, d.frontend("--opt", "build-arg:CERTGRAFT_MODE=env")},
		"in-root": {d.setup, d.frontend("--opt", "build-arg:CERTGRAFT_MODE=in-root")},
		"hook":    {hooked, nil},
	}
}

// unpacked are the bases that are an archive of a root.
func unpacked(t *testing.T, name string) string {
	t.Helper()
	switch name {
	case "trixie":
		return rig.Tarball(t, "trixie", "frontend", "ca-certificates", "curl", "wget")
	case "bookworm":
		return rig.Tarball(t, "bookworm", "", "ca-certificates")
	case "java":
		return rig.Tarball(t, "trixie", "java", "ca-certificates", "ca-certificates-java", rig.JDKs["trixie"])
	case "alpine":
		return archive(t, rig.Alpine(t))
	case "distroless":
		return archive(t, rig.Distroless(t))
	}
	return ""
}

// made are the bases that a Dockerfile makes of another.
var made = map[string]string{
	"scratch":       "FROM scratch\nCOPY client /",
	"has-corp":      "FROM REGISTRY/trixie:1\nRUN cp /opt/corp.pem /usr/local/share/ca-certificates/corp.crt && update-ca-certificates",
	"has-record":    "FROM REGISTRY/trixie:1\nRUN /opt/certgraft install -q --offline /opt/own.pem",
	"has-hard-link": "FROM REGISTRY/trixie:1\nRUN ln /etc/ssl/certs/ca-certificates.crt /srv/bundle",
	"slim":          "FROM REGISTRY/trixie:1\nRUN dpkg --purge ca-certificates && rm -rf /usr/local/share /etc/ssl/certs /var/log/dpkg.log",
	"onbuild":       "FROM REGISTRY/trixie:1\nONBUILD ARG AT\nONBUILD RUN curl -sS $AT && echo x >/fired",
	"package":       "FROM REGISTRY/trixie:1\nRUN " + repack,
}

// base puts a base into the registry, with those that it is made of.
func (d *digests) base(t *testing.T, name string) {
	t.Helper()
	if d.pushed[name] {
		return
	}
	d.pushed[name] = true
	dockerfile, client := filepath.Join(t.TempDir(), "Dockerfile"), filepath.Join(t.TempDir(), "client")
	files := []string{"opt/own.pem", d.own, "opt/corp.pem", d.ca, "opt/certgraft", rig.Certgraft}
	if root := unpacked(t, name); root != "" {
		rig.Write(t, dockerfile, "FROM scratch\nADD base.tar /\nCOPY opt /opt\n")
		files = append(files, "base.tar", root)
	} else {
		d.bases(t, made[name])
		rig.Write(t, dockerfile, d.replace(made[name])+"\n")
		rig.BuildClient(t, client)
		files = append(files, "client", client)
	}
	d.push(t, name+":1", dockerfile, files...)
}

// bases puts the bases that a text names into the registry.
func (d *digests) bases(t *testing.T, text string) {
	t.Helper()
	for rest := text; ; {
		_, after, found := strings.Cut(rest, "REGISTRY/")
		name, _, isImage := strings.Cut(after, ":1")
		if !found {
			return
		}
		if rest = after; isImage && !strings.ContainsAny(name, "/ \n") {
			d.base(t, name)
		}
	}
}

func (d *digests) replace(text string) string {
	return strings.NewReplacer("REGISTRY", d.registry.Host, "URL", d.url).Replace(text)
}

// archive returns an archive of a root.
func archive(t *testing.T, root string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "root.tar")
	rig.Run(t, "tar", "-C", root, "-cf", name, ".")
	return name
}

// repack makes packages of ca-certificates from the installed one: a newer one,
// which has a CA more.
const repack = `cd /tmp && mkdir -p new/DEBIAN && while read -r f; do if [ -d "$f" ]; then mkdir -p "new$f"; else cp -a "$f" "new$f"; fi; done </var/lib/dpkg/info/ca-certificates.list \
 && for f in config postinst postrm templates triggers; do cp /var/lib/dpkg/info/ca-certificates.$f new/DEBIAN/$f; done \
 && dpkg-query -s ca-certificates | sed '/^Status:/d; s/^Version:.*/Version: 99/' >new/DEBIAN/control \
 && cp /opt/own.pem new/usr/share/ca-certificates/mozilla/Own.crt && dpkg-deb --build new /newer.deb`

// TestSameDigest: whatever a step does to the stores, the image has the digest of a
// plain build, however the step trusts.
func TestSameDigest(t *testing.T) {
	d := newDigests(t)
	ways := d.ways(t)
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		t.Run(name, func(t *testing.T) {
			if !slices.Contains(quick, name) {
				rig.Slow(t)
			}
			dir := d.context(t, changes[name])
			plain := d.digest(t, dir)
			for name, w := range ways {
				d.same(t, name, plain, w.digest(t, dir, w.args...))
			}
		})
	}
}

// TestSameDigestNative: a snapshotter that copies whole roots sees the same.
func TestSameDigestNative(t *testing.T) {
	rig.Slow(t)
	d := newDigests(t)
	native := d.setup
	native.kit = rig.StartBuildKitWith(t, d.registry, rig.KitOptions{Snapshotter: "native"})
	for _, name := range []string{"echo", "own CA in one step", "hard link"} {
		t.Run(name, func(t *testing.T) {
			dir := d.context(t, changes[name])
			plain := native.digest(t, dir)
			native.same(t, "in-root", plain, native.digest(t, dir, d.frontend("--opt", "build-arg:CERTGRAFT_MODE=in-root")...))
			if out, err := native.kit.Try(t, "prune", "--all"); err != nil { // each layer is a copy of the root
				t.Errorf("prune: %v\n%s", err, out)
			}
		})
	}
}

// exceptions are the changes that see the CA in the stores, or take it along, and
// patterns of the names of which the layers have another account then.
var exceptions = map[string]struct {
	change
	inRoot, hook []string
}{
	"purge": {change{"trixie", "RUN dpkg --purge ca-certificates && rm /var/log/dpkg.log"}, anchorsStay, anchorsStay},
	"slim":  {change{"slim", "COPY --from=REGISTRY/package:1 /newer.deb /opt/\nRUN dpkg -i /opt/newer.deb && rm /var/log/dpkg.log"}, []string{"var/lib/dpkg/info/openssl.list"}, []string{"var/lib/dpkg/info/openssl.list"}},
	"same by us": {change{"trixie", "ARG SOURCE_DATE_EPOCH\nRUN /opt/certgraft install -q --offline /opt/corp.pem"}, []string{
		"etc/ssl/certs/*.0", "etc/ssl/certs/certgraft-*.pem", "etc/ssl/certs/certgraft-*.pem",
		"usr/local/share/ca-certificates/certgraft-*.crt", "usr/local/share/ca-certificates/certgraft-*.crt",
	}, nil}, // the wrapper's source has the name of the step's
	"bundle copy": {change{"trixie", "RUN cp /etc/ssl/certs/ca-certificates.crt /srv/bundle"}, []string{"srv/bundle"}, []string{"srv/bundle"}},
}

// anchorsStay are the names that differ where the package cannot remove the
// directory of local anchors, which has one of the step's.
var anchorsStay = []string{"usr/local/", "usr/local/share/", "usr/local/share/.wh.ca-certificates"}

// TestDigestDiffers: what docs/one-step.md says of the digest is all of it: by
// variables it is the same, else it differs in what the step has made of the CA.
func TestDigestDiffers(t *testing.T) {
	rig.Slow(t)
	d := newDigests(t)
	ways := d.ways(t)
	for name, e := range exceptions {
		t.Run(name, func(t *testing.T) {
			dir := d.context(t, e.change)
			plain := d.digest(t, dir)
			for name, w := range ways {
				got := w.digest(t, dir, w.args...)
				want := map[string][]string{"in-root": e.inRoot, "hook": e.hook}[name] // by variables none
				if differ := differences(d.layers(t, plain), d.layers(t, got)); !slices.EqualFunc(want, differ, match) {
					t.Errorf("%s differs in %q, want %q", name, differ, want)
				}
			}
		})
	}
}

func match(pattern, name string) bool { ok, _ := path.Match(pattern, name); return ok }

// differences returns the names of which two images have another account.
func differences(was, is []map[string]string) []string {
	names := map[string]bool{}
	for i := range min(len(was), len(is)) {
		for _, pair := range [][2]map[string]string{{was[i], is[i]}, {is[i], was[i]}} {
			for name, account := range pair[0] {
				if pair[1][name] != account {
					names[name] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// context makes the context of a build that changes a base.
func (d *digests) context(t *testing.T, c change) string {
	t.Helper()
	text := "FROM REGISTRY/" + c.base + ":1\n" + c.lines + "\n"
	d.bases(t, text)
	dir := t.TempDir()
	rig.Write(t, filepath.Join(dir, "Dockerfile"), d.replace(text))
	return dir
}

// same fails if an image is not another one, and says which
// entries of which layers are not.
func (s setup) same(t *testing.T, what, want, got string) {
	t.Helper()
	if got == want {
		return
	}
	t.Errorf("%s: %s, plain %s", what, got, want)
	is, was := s.layers(t, got), s.layers(t, want)
	for i := range max(len(is), len(was)) {
		if i >= min(len(is), len(was)) {
			t.Errorf("%d layers, plain %d", len(is), len(was))
			return
		}
		rig.Same(t, fmt.Sprintf("layer %d", i), was[i], is[i])
	}
}

// layers returns what the layers of an image have, by name.
func (s setup) layers(t *testing.T, digest string) (all []map[string]string) {
	t.Helper()
	for _, layer := range s.blobs(t, digest) {
		all = append(all, entries(t, layer))
	}
	return all
}

// blobs returns the layers of an image.
func (s setup) blobs(t *testing.T, digest string) (all []string) {
	t.Helper()
	var manifest struct {
		Layers []struct{ Digest string }
	}
	if err := json.Unmarshal([]byte(s.registry.Blob(t, digest)), &manifest); err != nil {
		t.Fatal(err)
	}
	for _, l := range manifest.Layers {
		all = append(all, s.registry.Blob(t, l.Digest))
	}
	return all
}

// entries says all that a layer has of each name.
func entries(t *testing.T, layer string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for h, data := range each(t, layer) {
		found[h.Name] = fmt.Sprintf("%c %o %d:%d %s %q %x %q", h.Typeflag, h.Mode, h.Uid, h.Gid, h.ModTime.UTC(), h.Linkname, sha256.Sum256(data), h.PAXRecords)
	}
	return found
}

// names yields the names in a layer.
func names(t *testing.T, layer string) iter.Seq[string] { return maps.Keys(entries(t, layer)) }

// each yields what is in a layer.
func each(t *testing.T, layer string) iter.Seq2[*tar.Header, []byte] {
	t.Helper()
	return func(yield func(*tar.Header, []byte) bool) {
		for r := tar.NewReader(strings.NewReader(layer)); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if !yield(h, data) {
				return
			}
		}
	}
}
