//go:build e2e

package bench

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry" //nolint:depguard // to measure against: crane does not upload to our own
	v1 "github.com/google/go-containerregistry/pkg/v1"    //nolint:depguard // its digests
	"github.com/klauspost/compress/gzip"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/roottest"
)

// madeBlobs is the blobs of a registry. Large layers are made while they are
// read and are nowhere kept.
type madeBlobs struct {
	registry.BlobHandler
	made map[string]madeLayer
}

// madeLayer is a layer of files of a megabyte, half of which compresses.
type madeLayer struct {
	name           string // of the directory
	files          int
	body           fileBody // of each file
	digest, diffID string
	size           int64
}

// Stat returns the size of a blob.
func (b *madeBlobs) Stat(ctx context.Context, repo string, h v1.Hash) (int64, error) {
	if l, ok := b.made[h.String()]; ok {
		return l.size, nil
	}
	return b.BlobHandler.(registry.BlobStatHandler).Stat(ctx, repo, h)
}

// Put keeps a blob.
func (b *madeBlobs) Put(ctx context.Context, repo string, h v1.Hash, rc io.ReadCloser) error {
	return b.BlobHandler.(registry.BlobPutHandler).Put(ctx, repo, h, rc)
}

// Get returns a blob.
func (b *madeBlobs) Get(ctx context.Context, repo string, h v1.Hash) (io.ReadCloser, error) {
	l, ok := b.made[h.String()]
	if !ok {
		return b.BlobHandler.Get(ctx, repo, h)
	}
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(l.write(w, io.Discard)) }()
	return r, nil
}

// fileBody is the contents of every file of a made layer: plain, and as a member
// of a gzip file.
type fileBody struct{ plain, packed []byte }

func newFileBody() fileBody {
	random := rand.New(rand.NewPCG(1, 2))
	plain := make([]byte, 1<<20)
	for i := range plain {
		if i%64 < 32 {
			plain[i] = byte(random.Uint32())
		}
	}
	return fileBody{plain, gzipMember(plain)}
}

func gzipMember(data []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err)
	}
	return out.Bytes()
}

// write writes the layer as gzip, a member for each header and each contents,
// and as it unpacks.
func (l madeLayer) write(packed, plain io.Writer) error {
	both := func(data, zipped []byte) error {
		if _, err := packed.Write(zipped); err != nil {
			return err
		}
		_, err := plain.Write(data)
		return err
	}
	for i := range l.files {
		var head bytes.Buffer
		w := tar.NewWriter(&head)
		if err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("%s/%d", l.name, i), Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(l.body.plain))}); err != nil {
			return err
		}
		if err := both(head.Bytes(), gzipMember(head.Bytes())); err != nil {
			return err
		}
		if err := both(l.body.plain, l.body.packed); err != nil {
			return err
		}
	}
	end := make([]byte, 1024)
	return both(end, gzipMember(end))
}

// counter counts what is written.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) { c.n += int64(len(p)); return len(p), nil }

// growing is a registry in this process, and what its images have in common.
type growing struct {
	host  string
	blobs *madeBlobs
	base  madeLayer // what a Debian root is known by, and its bundle; in memory
	body  fileBody
}

func newGrowing(t *testing.T) *growing {
	t.Helper()
	g := &growing{blobs: &madeBlobs{registry.NewInMemoryBlobHandler(), map[string]madeLayer{}}, body: newFileBody()}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: registry.New(registry.WithBlobHandler(g.blobs), registry.Logger(log.New(io.Discard, "", 0))), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	g.host = listener.Addr().String()
	root := rig.Debian(t, "trixie")
	plain := roottest.Tar(t,
		roottest.File("etc/os-release", rig.Read(t, filepath.Join(root, "usr/lib/os-release"))),
		roottest.File("etc/ssl/certs/ca-certificates.crt", rig.Read(t, filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"))))
	g.base = madeLayer{digest: g.keep(t, gzipMember(plain)), diffID: digestOf(plain), size: int64(len(gzipMember(plain)))}
	return g
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// keep puts a blob into memory.
func (g *growing) keep(t *testing.T, data []byte) string {
	t.Helper()
	h, err := v1.NewHash(digestOf(data))
	if err == nil {
		err = g.blobs.Put(t.Context(), "app", h, io.NopCloser(bytes.NewReader(data)))
	}
	if err != nil {
		t.Fatal(err)
	}
	return h.String()
}

// layer makes a layer of that many megabytes known.
func (g *growing) layer(t *testing.T, name string, megabytes int) madeLayer {
	t.Helper()
	l := madeLayer{name: name, files: megabytes, body: g.body}
	packed, plain, size := sha256.New(), sha256.New(), &counter{}
	if err := l.write(io.MultiWriter(packed, size), plain); err != nil {
		t.Fatal(err)
	}
	l.digest, l.diffID, l.size = fmt.Sprintf("sha256:%x", packed.Sum(nil)), fmt.Sprintf("sha256:%x", plain.Sum(nil)), size.n
	g.blobs.made[l.digest] = l
	return l
}

// push makes an image of the base and layers on top of it, and returns its name.
func (g *growing) push(t *testing.T, tag string, above ...madeLayer) string {
	t.Helper()
	const oci = "application/vnd.oci.image."
	ids := []string{g.base.diffID}
	history := []any{map[string]any{"created_by": "/bin/sh -c #(nop) ADD file:1 in / "}}
	layers := []any{map[string]any{"mediaType": oci + "layer.v1.tar+gzip", "digest": g.base.digest, "size": g.base.size}}
	for _, l := range above {
		ids = append(ids, l.diffID)
		history = append(history, map[string]any{"created_by": "COPY . /" + l.name + " # buildkit"})
		layers = append(layers, map[string]any{"mediaType": oci + "layer.v1.tar+gzip", "digest": l.digest, "size": l.size})
	}
	config, err := json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "history": history, "rootfs": map[string]any{"type": "layers", "diff_ids": ids},
		"config": map[string]any{"Cmd": []string{"sh"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": oci + "manifest.v1+json", "layers": layers,
		"config": map[string]any{"mediaType": oci + "config.v1+json", "digest": g.keep(t, config), "size": len(config)},
	})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+g.host+"/v2/app/manifests/"+tag, bytes.NewReader(manifest))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", oci+"manifest.v1+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatalf("push %s: %v %v", tag, resp, err)
	}
	resp.Body.Close()
	return "/app:" + tag
}

// alone patches one image by hand.
const alone = `cd "$(mktemp -d)"
/usr/bin/time -a -o "$PEAKS" crane export --insecure "$1" - | tar -xO etc/ssl/certs/ca-certificates.crt > bundle
mkdir -p etc/ssl/certs && cat bundle "$2" > etc/ssl/certs/ca-certificates.crt
tar -cf layer.tar etc/ssl/certs/ca-certificates.crt
/usr/bin/time -a -o "$PEAKS" crane append --insecure -b "$1" -f layer.tar -t "$1-by-hand" >/dev/null`

const ownWay = `/usr/bin/time -a -o "$PEAKS" "$1" patch --quiet "$2" "$3" --tag "$2-$4" --scan "$4"`

// growthHead is the head of a table of images that grow.
var growthHead = []string{"certgraft", "ratio", "down", "certgraft, --scan all", "ratio", "crane export, tar, crane append", "peak memory"}

// growthRow measures one image in both ways.
func growthRow(t *testing.T, p *rig.Proxy, what, ref, ca string) []string {
	t.Helper()
	auto := measure(t, p, ownWay, rig.Certgraft, ref, ca, "auto")
	all := measure(t, p, ownWay, rig.Certgraft, ref, ca, "all")
	hand := measure(t, p, alone, ref, ca)
	if auto.wall > hand.wall || all.wall > hand.wall {
		t.Errorf("%s: %v, and %v with --scan all, are slower than %v by hand", what, auto.wall, all.wall, hand.wall)
	}
	if peak := max(auto.memory, all.memory); peak > 64<<20 {
		t.Errorf("%s: it takes %d MB of memory", what, peak/1e6)
	}
	seconds := func(m measured) string { return fmt.Sprintf("%.2f s", m.wall.Seconds()) }
	ratio := func(m measured) string { return fmt.Sprintf("%.3f", m.wall.Seconds()/hand.wall.Seconds()) }
	return []string{
		what, seconds(auto), ratio(auto), fmt.Sprintf("%.2f MB", float64(auto.down)/1e6), seconds(all), ratio(all), seconds(hand),
		fmt.Sprintf("%.0f MB", float64(max(auto.memory, all.memory))/1e6),
	}
}

func installCrane(t *testing.T) {
	t.Helper()
	bin := t.TempDir()
	rig.Run(t, "env", "GOBIN="+bin, "go", "install", "github.com/google/go-containerregistry/cmd/crane@v0.22.1")
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
}

// TestBenchGrowthSize patches larger and larger images.
func TestBenchGrowthSize(t *testing.T) {
	part(t, "growth-size")
	installCrane(t)
	g, corp := newGrowing(t), rig.NewAuthority(t, "Corp Root")
	p := rig.NewProxy(t, g.host)
	table := [][]string{append([]string{"image"}, growthHead...)}
	for _, x := range []struct {
		name      string
		megabytes int
	}{{"10 MB", 10}, {"100 MB", 100}, {"1 GB", 1 << 10}, {"10 GB", 10 << 10}} {
		name := g.push(t, fmt.Sprint("size", x.megabytes), g.layer(t, "opt/app", x.megabytes))
		table = append(table, growthRow(t, p, x.name, p.Host+name, corp.CAFile))
	}
	section(t, "growth-size", "Patch, by size of the image",
		"Debian's bundle below and one layer of files of 1 MB on top, half of which compresses, in a registry that makes them while they are read. Memory is certgraft's, the larger of both.", table)
}

// TestBenchGrowthLayers patches images of more and more layers.
func TestBenchGrowthLayers(t *testing.T) {
	part(t, "growth-layers")
	installCrane(t)
	g, corp := newGrowing(t), rig.NewAuthority(t, "Corp Root")
	p := rig.NewProxy(t, g.host)
	table := [][]string{append([]string{"layers"}, growthHead...)}
	var layers []madeLayer
	for _, n := range []int{1, 10, 50, 100} {
		for len(layers) < n-1 {
			layers = append(layers, g.layer(t, fmt.Sprintf("opt/app/%d", len(layers)), 2))
		}
		table = append(table, growthRow(t, p, fmt.Sprint(n), p.Host+g.push(t, fmt.Sprint("layers", n), layers...), corp.CAFile))
	}
	section(t, "growth-layers", "Patch, by layers", "Debian's bundle in the lowest layer, and 2 MB in each of the others.", table)
}

// TestBenchGrowthImages patches more and more images from one list.
func TestBenchGrowthImages(t *testing.T) {
	part(t, "growth-images")
	installCrane(t)
	g, corp := newGrowing(t), rig.NewAuthority(t, "Corp Root")
	p := rig.NewProxy(t, g.host)
	shared := g.layer(t, "usr/lib/shared", 20)
	table := [][]string{{"images", "certgraft", "an image", "down", "crane, one by one", "ratio", "peak memory"}}
	for _, n := range []int{1, 10, 50, 200} {
		var list, names strings.Builder
		for i := range n {
			ref := p.Host + g.push(t, fmt.Sprintf("list%d-%d", n, i), shared, g.layer(t, fmt.Sprintf("usr/lib/app%d", i), 1))
			fmt.Fprintf(&list, "%s %s-new\n", ref, ref)
			fmt.Fprintln(&names, ref)
		}
		dir := t.TempDir()
		ours := measure(t, p, `/usr/bin/time -a -o "$PEAKS" "$1" patch --quiet --from-file "$2" "$3"`, rig.Certgraft, rig.Write(t, filepath.Join(dir, "list"), list.String()), corp.CAFile)
		hand := measure(t, p, "while read -r ref; do (set -- \"$ref\" \"$2\"\n"+alone+"\n); done < \"$1\"", rig.Write(t, filepath.Join(dir, "names"), names.String()), corp.CAFile)
		if n > 1 && ours.wall > hand.wall { // a single one is read by both
			t.Errorf("%d images take %v, and %v by hand", n, ours.wall, hand.wall)
		}
		table = append(table, []string{
			fmt.Sprint(n), fmt.Sprintf("%.2f s", ours.wall.Seconds()), fmt.Sprintf("%.0f ms", ours.wall.Seconds()*1000/float64(n)), fmt.Sprintf("%.2f MB", float64(ours.down)/1e6),
			fmt.Sprintf("%.2f s", hand.wall.Seconds()), fmt.Sprintf("%.3f", ours.wall.Seconds()/hand.wall.Seconds()), fmt.Sprintf("%.0f MB", float64(ours.memory)/1e6),
		})
	}
	section(t, "growth-images", "Patch, by images in one list",
		"Each with Debian's bundle, 20 MB that all share and 1 MB of its own, in places that have to be read.", table)
}
