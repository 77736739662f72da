package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// Open implements [oci.Blobs].
func (r *Repository) Open(ctx context.Context, d oci.Descriptor) (io.ReadCloser, error) {
	if oci.IsManifest(d.MediaType) || oci.IsIndex(d.MediaType) {
		_, raw, err := r.Manifest(ctx, string(d.Digest))
		if err != nil {
			return nil, err
		}
		return io.NopCloser(bytes.NewReader(raw)), nil
	}
	if _, err := d.Digest.NewHash(); err != nil {
		return nil, err
	}
	return newDownload(ctx, r, d)
}

// download is a blob that is being read. After a broken or stalled connection
// it resumes at the same byte.
type download struct {
	ctx    context.Context //nolint:containedctx // a reader has no place for it
	repo   *Repository
	d      oci.Descriptor
	body   io.ReadCloser
	at     int64
	failed int // failures in a row without a byte
}

func newDownload(ctx context.Context, repo *Repository, d oci.Descriptor) (io.ReadCloser, error) {
	b := &download{ctx: ctx, repo: repo, d: d}
	if err := b.connect(); err != nil {
		return nil, err
	}
	return b, nil
}

// connect requests the unread part of the blob.
func (b *download) connect() error {
	q := question{method: http.MethodGet, at: b.repo.url("blobs", string(b.d.Digest))}
	if b.at > 0 {
		q.key, q.header = "Range", fmt.Sprintf("bytes=%d-%d", b.at, b.d.Size-1)
	}
	resp, err := b.repo.ask(b.ctx, q, http.StatusOK, http.StatusPartialContent) //nolint:bodyclose // disconnect does
	if err != nil {
		return err
	}
	b.body = resp.Body
	if resp.StatusCode == http.StatusPartialContent || b.at == 0 {
		return nil
	}
	if _, err := io.CopyN(io.Discard, b.body, b.at); err != nil { // the server sends the blob from its start
		b.disconnect()
		return err
	}
	return nil
}

func (b *download) disconnect() {
	if b.body != nil {
		b.body.Close()
		b.body = nil
	}
}

// Close implements [io.Closer].
func (b *download) Close() error {
	b.disconnect()
	return nil
}

// Read implements [io.Reader].
func (b *download) Read(p []byte) (int, error) {
	if b.body == nil {
		if err := b.reconnect(); err != nil {
			return 0, err
		}
	}
	n, err := b.body.Read(p)
	b.at += int64(n)
	if n > 0 {
		b.failed = 0
	}
	b.repo.moved("download", "from", b.d, b.at)
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF) && b.at >= b.d.Size:
		return n, io.EOF
	case b.ctx.Err() != nil:
		return n, b.ctx.Err()
	}
	b.repo.client.Logger.Debug("the download broke off", "blob", b.d.Digest, "at", b.at, "error", err)
	b.disconnect()
	return n, nil
}

func (b *download) reconnect() error {
	if b.failed++; b.failed > tries {
		return oci.WithKind(fmt.Errorf("the download of %s broke off at %d of %d bytes, %d times", b.d.Digest, b.at, b.d.Size, b.failed), oci.ErrUnreachable)
	}
	if err := b.repo.client.pause(b.ctx, time.Second<<(b.failed-1)); err != nil {
		return err
	}
	err := b.connect()
	if _, answered := errors.AsType[*transport.Error](err); err == nil || answered || b.failed == tries {
		return err
	}
	return b.reconnect()
}

// OpenRange reads the bytes of a blob from from up to, not including, to. It
// returns [oci.ErrNoRange] if the registry does not send parts.
func (r *Repository) OpenRange(ctx context.Context, d oci.Descriptor, from, to int64) (io.ReadCloser, error) {
	q := question{method: http.MethodGet, at: r.url("blobs", string(d.Digest)), key: "Range", header: fmt.Sprintf("bytes=%d-%d", from, to-1)}
	resp, err := r.ask(ctx, q, http.StatusOK, http.StatusPartialContent)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusPartialContent || !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-%d/", from, to-1)) {
		return nil, errors.Join(oci.ErrNoRange, resp.Body.Close())
	}
	return oci.ReadCloser{Reader: io.LimitReader(resp.Body, to-from), Closer: resp.Body}, nil
}
