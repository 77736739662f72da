package layer

import (
	"archive/tar"
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/order"
)

// Layers with a table of contents at their end: eStargz and zstd:chunked, made
// by tools that mount layers before the download. The table names the place of
// each file in the layer. The manifest has the digest of the table. See the
// documents estargz.md of stargz-snapshotter and zstd-chunked of
// containers/storage.
const (
	stargzDigest  = "containerd.io/snapshot/stargz/toc.digest"
	chunkedDigest = "zstd-chunked.manifest-checksum" // after the tool's prefix, which changed
	chunkedPlace  = "zstd-chunked.manifest-position"

	// TOCName is the name of the table in an eStargz layer.
	TOCName = "stargz.index.json"
	// footerSize is the size of the footer, which names the place of the table.
	footerSize = 51
	// maxContents bounds a table, in bytes.
	maxContents = 512 << 20
)

// IsTOCAnnotation reports whether an annotation describes the insides of a
// layer.
func IsTOCAnnotation(annotation string) bool {
	for _, prefix := range []string{"containerd.io/snapshot/stargz/", "io.containers.estargz.", "io.github.containers.zstd-chunked.", "io.containers.zstd-chunked."} {
		if strings.HasPrefix(annotation, prefix) {
			return true
		}
	}
	return false
}

// HasTOC reports whether a layer has a table of contents.
func HasTOC(d oci.Descriptor) bool {
	return slices.ContainsFunc(slices.Collect(maps.Keys(d.Annotations)), IsTOCAnnotation)
}

// chunkedNote returns an annotation of a zstd:chunked layer.
func chunkedNote(d oci.Descriptor, key string) string {
	if v := d.Annotations["io.github.containers."+key]; v != "" {
		return v
	}
	return d.Annotations["io.containers."+key]
}

// TOCKey returns the key under which caches keep the listing from a table of
// contents. The layer's own digest is no key for it: the layer was not
// verified, and another image may name it without a table or with another one.
func TOCKey(d oci.Descriptor) (oci.Digest, bool) {
	table := oci.Digest(d.Annotations[stargzDigest])
	if table == "" {
		table = oci.Digest(chunkedNote(d, chunkedDigest))
	}
	if _, err := table.NewHash(); err != nil {
		return "", false
	}
	return oci.DigestOf([]byte("contents " + string(d.Digest) + " " + string(table))), true
}

// TOC reads layers by their tables of contents.
type TOC struct {
	From  oci.Ranger
	Keep  func(name string) bool
	Layer oci.Descriptor
}

// Read returns the listing from the table, with the contents of the files to
// keep. Any oddity is an error; the caller then reads the layer whole.
func (c TOC) Read(ctx context.Context) (*Listing, error) {
	listing, err := NewWriter()
	if err != nil {
		return nil, err
	}
	room := int64(MaxAllKept)
	found, err := c.Survey(ctx, func(_ int32, e *Entry) bool {
		listing.add(e)
		wanted := e.Type == tar.TypeReg && e.Size <= min(MaxKept, room) && c.Keep != nil && c.Keep(e.Name)
		if wanted {
			room -= e.Size
		}
		return wanted
	})
	if err != nil {
		return nil, err
	}
	l, err := listing.Listing()
	if err != nil {
		return nil, err
	}
	files, err := c.Fetch(ctx, found)
	if err != nil {
		return nil, err
	}
	if l, err = l.With(files); err != nil {
		return nil, err
	}
	l.Ranged = true
	return l, nil
}

// Survey reads and verifies the table. It calls want for each entry and returns
// the wanted files.
func (c TOC) Survey(ctx context.Context, want func(place int32, e *Entry) bool) ([]*tocFile, error) {
	table, end, check, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	defer table.Close()
	s := tocSurvey{want: want, end: end, zstd: c.Layer.Annotations[stargzDigest] == ""}
	if err := decodeContents(table, s.entry); err != nil {
		return nil, err
	}
	if err := check(); err != nil {
		return nil, err
	}
	return s.finish()
}

// open opens the table. After the read, check verifies the digest in the
// manifest. Files end before end.
func (c TOC) open(ctx context.Context) (table io.ReadCloser, end int64, check func() error, err error) {
	if c.Layer.Annotations[stargzDigest] != "" {
		return c.openStargz(ctx)
	}
	return c.openChunked(ctx)
}

func (c TOC) openStargz(ctx context.Context) (io.ReadCloser, int64, func() error, error) {
	at, err := c.stargzPlace(ctx)
	if err != nil {
		return nil, 0, nil, err
	}
	body, err := c.From.OpenRange(ctx, c.Layer, at, c.Layer.Size-footerSize)
	if err != nil {
		return nil, 0, nil, err
	}
	unpacked, err := gzip.NewReader(bufio.NewReader(body))
	if err != nil {
		return nil, 0, nil, errors.Join(err, body.Close())
	}
	archive := tar.NewReader(unpacked)
	if h, err := archive.Next(); err != nil || h.Name != TOCName || h.Size > maxContents {
		return nil, 0, nil, errors.Join(errors.New("there is no table of contents where the footer says"), err, body.Close())
	}
	hashed, check, err := verified(archive, oci.Digest(c.Layer.Annotations[stargzDigest]))
	if err != nil {
		return nil, 0, nil, errors.Join(err, body.Close())
	}
	return oci.ReadCloser{Reader: hashed, Closer: body}, at, check, nil
}

// stargzPlace returns the place of the table from the footer: an empty gzip
// member with "%016xSTARGZ" in its extra field.
func (c TOC) stargzPlace(ctx context.Context) (int64, error) {
	if c.Layer.Size < footerSize {
		return 0, errors.New("there is no footer")
	}
	body, err := c.From.OpenRange(ctx, c.Layer, c.Layer.Size-footerSize, c.Layer.Size)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	footer, err := io.ReadAll(io.LimitReader(body, footerSize+1))
	if err != nil || len(footer) != footerSize || string(footer[12:16]) != "SG\x16\x00" || string(footer[32:38]) != "STARGZ" {
		return 0, errors.Join(errors.New("the footer is of another format"), err)
	}
	at, err := strconv.ParseInt(string(footer[16:32]), 16, 64)
	if err != nil || at < 0 || at >= c.Layer.Size-footerSize {
		return 0, errors.Join(errors.New("the footer names no place"), err)
	}
	return at, nil
}

// openChunked opens the table of a zstd:chunked layer. The digest is that of
// the compressed table.
func (c TOC) openChunked(ctx context.Context) (io.ReadCloser, int64, func() error, error) {
	var at, packed, plain int64
	var kind int
	if n, _ := fmt.Sscanf(chunkedNote(c.Layer, chunkedPlace), "%d:%d:%d:%d", &at, &packed, &plain, &kind); n != 4 || kind != 1 ||
		at < 0 || packed <= 0 || packed > maxContents || plain <= 0 || plain > maxContents || at+packed > c.Layer.Size {
		return nil, 0, nil, errors.New("the place of the table of contents is odd")
	}
	body, err := c.From.OpenRange(ctx, c.Layer, at, at+packed)
	if err != nil {
		return nil, 0, nil, err
	}
	hashed, check, err := verified(body, oci.Digest(chunkedNote(c.Layer, chunkedDigest)))
	if err != nil {
		return nil, 0, nil, errors.Join(err, body.Close())
	}
	z, err := oci.NewZstd(hashed)
	if err != nil {
		return nil, 0, nil, errors.Join(err, body.Close())
	}
	return oci.ReadCloser{Reader: io.LimitReader(z, plain+1), Closer: closers{z.IOReadCloser(), body}}, at, func() error {
		if _, err := io.Copy(io.Discard, hashed); err != nil {
			return err
		}
		return check()
	}, nil
}

type closers []io.Closer

func (all closers) Close() error {
	var errs []error
	for _, c := range all {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// verified returns a reader. After the read, check compares its content with a
// digest.
func verified(r io.Reader, want oci.Digest) (io.Reader, func() error, error) {
	h, err := want.NewHash()
	if err != nil {
		return nil, nil, err
	}
	hashed := io.TeeReader(r, h)
	return hashed, func() error {
		if _, err := io.Copy(io.Discard, hashed); err != nil {
			return err
		}
		if !oci.Sums(h, want) {
			return oci.ErrNotDigest
		}
		return nil
	}, nil
}

// Fetch reads files. One request reads neighbouring files.
func (c TOC) Fetch(ctx context.Context, files []*tocFile) (map[int32][]byte, error) {
	var chunks []*tocChunk
	total := int64(0)
	contents := map[int32][]byte{}
	for _, f := range files {
		contents[f.place] = make([]byte, f.size)
		for i := range f.chunks {
			f.chunks[i].data = contents[f.place][f.chunks[i].into:][:f.chunks[i].size]
			chunks = append(chunks, &f.chunks[i])
			total += f.chunks[i].end - f.chunks[i].at
		}
	}
	order.Sort(chunks, func(a, b *tocChunk) int { return cmp.Compare(a.at, b.at) })
	if total > c.Layer.Size/2 {
		return nil, errors.New("most of the layer is wanted")
	}
	for len(chunks) > 0 {
		n := 1
		for n < len(chunks) && chunks[n].at-chunks[n-1].end <= maxGap {
			n++
		}
		if err := c.fetchSpan(ctx, chunks[:n]); err != nil {
			return nil, err
		}
		chunks = chunks[n:]
	}
	for _, f := range files {
		if err := f.check(contents[f.place]); err != nil {
			return nil, err
		}
	}
	return contents, nil
}

// maxGap is the gap between files that is read and discarded to save a request.
const maxGap = 4 << 10

// fetchSpan reads neighbouring chunks. Small files that are compressed together
// share their place.
func (c TOC) fetchSpan(ctx context.Context, chunks []*tocChunk) error {
	at, end := chunks[0].at, int64(0)
	for _, k := range chunks {
		end = max(end, k.end)
	}
	body, err := c.From.OpenRange(ctx, c.Layer, at, end)
	if err != nil {
		return err
	}
	defer body.Close()
	for len(chunks) > 0 {
		first := chunks[0]
		if _, err := io.CopyN(io.Discard, body, first.at-at); err != nil {
			return err
		}
		packed, err := io.ReadAll(io.LimitReader(body, first.end-first.at))
		if err != nil {
			return err
		}
		at = first.end
		for ; len(chunks) > 0 && chunks[0].at == first.at; chunks = chunks[1:] {
			if err := chunks[0].unpack(packed); err != nil {
				return err
			}
		}
	}
	return nil
}
