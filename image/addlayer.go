package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/rootfs"
)

// newLayer makes a layer of changes to base. Its bytes depend only on the image
// and the changes: names are sorted, times are the image's, owners are numbers.
func (u *updater) newLayer(it *item, base *tree, changes []rootfs.Change) (*layer.Built, error) {
	archive, err := archiveOf(base, changes, u.modTime(it))
	if err != nil {
		return nil, fmt.Errorf("make the layer: %w", err)
	}
	mediaType, kind := oci.TopLayerType(it.desc.MediaType, it.manifest.Layers[:len(it.manifest.Layers)-u.ownLayer(it)])
	diffID := oci.DigestOf(archive)
	packed, err := u.reader.Memory.Packed(diffID, kind, func() ([]byte, error) { return pack(archive, kind) })
	if err != nil {
		return nil, fmt.Errorf("make the layer: %w", err)
	}
	return &layer.Built{Desc: u.keep(mediaType, packed), DiffID: diffID}, nil
}

// pack compresses a layer. The encoders run on one thread and write no time, so
// the same archive gives the same bytes.
func pack(archive []byte, kind oci.Compression) ([]byte, error) {
	var buf bytes.Buffer
	buf.Grow(len(archive) * 3 / 4) // base64 of a bundle holds 6 bits in 8
	var w io.WriteCloser
	var err error
	switch kind {
	case oci.Gzipped:
		w, err = gzip.NewWriterLevel(&buf, gzip.BestCompression)
	case oci.Zstandard:
		w, err = zstd.NewWriter(&buf, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	default:
		return archive, nil
	}
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(archive); err != nil {
		return nil, err
	}
	err = w.Close()
	return buf.Bytes(), err
}

// archiveOf returns changes as the archive of a layer. The archive repeats the
// directories above each change as the image has them. Without them, an engine
// that unpacks the layer alone would create the directories with other owners
// and modes, and these would win.
func archiveOf(base *tree, changes []rootfs.Change, modTime time.Time) ([]byte, error) {
	headers := map[string]*tar.Header{}
	data := map[string][]byte{}
	changes = visible(changes)
	for _, c := range changes {
		h := changeHeader(c, modTime)
		headers[h.Name], data[h.Name] = h, c.Data
	}
	for _, c := range changes {
		for dir := path.Dir(c.Name); dir != "."; dir = path.Dir(dir) {
			if n := layer.Lookup(base.Root, dir); n != nil && n.IsDir() && n.Known && headers[dir+"/"] == nil {
				headers[dir+"/"] = n.Header(dir + "/")
			}
		}
	}
	var names []string
	size := 0
	for name := range headers {
		names = append(names, name)
		size += len(data[name]) + 4*tarBlock // a header, up to two more with PAX records, and padding
	}
	slices.Sort(names)
	var buf bytes.Buffer
	buf.Grow(size + 2*tarBlock)
	w := tar.NewWriter(&buf)
	for i, name := range names {
		h := headers[name]
		h.Format = tar.FormatPAX
		if i == 0 {
			h.PAXRecords = layer.WithRecord(h.PAXRecords, layer.MarkerRecord, "1")
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if _, err := w.Write(data[name]); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	err := w.Close()
	return buf.Bytes(), err
}

// visible drops each change below a name that is removed or becomes a file: an
// archive cannot hold both.
func visible(changes []rootfs.Change) []rootfs.Change {
	covers := map[string]bool{}
	for _, c := range changes {
		covers[c.Name] = c.Removed || !c.Mode.IsDir()
	}
	return slices.DeleteFunc(slices.Clone(changes), func(c rootfs.Change) bool {
		for dir := path.Dir(c.Name); dir != "."; dir = path.Dir(dir) {
			if covers[dir] {
				return true
			}
		}
		return false
	})
}

// changeHeader returns the entry of one change. A replacement keeps the owner
// of the old entry; a file also keeps its extended attributes.
func changeHeader(c rootfs.Change, modTime time.Time) *tar.Header {
	h := &tar.Header{Name: c.Name, Mode: unixMode(c.Mode), ModTime: modTime}
	if c.Prior != nil {
		if was, ok := c.Prior.Sys().(*tar.Header); ok && !c.Removed {
			h.Uid, h.Gid = was.Uid, was.Gid
			if c.Mode.IsRegular() && c.Prior.Mode().IsRegular() {
				h.PAXRecords = keptXattrs(was.PAXRecords)
			}
		}
	}
	if c.Owner != nil {
		h.Uid, h.Gid = c.Owner.UID, c.Owner.GID
	}
	switch {
	case c.Removed:
		h.Name, h.Typeflag, h.Mode = path.Join(path.Dir(c.Name), layer.Whiteout+path.Base(c.Name)), tar.TypeReg, 0o600
	case c.Mode.IsDir():
		h.Name, h.Typeflag = c.Name+"/", tar.TypeDir
	case c.Mode&fs.ModeSymlink != 0:
		h.Typeflag, h.Linkname = tar.TypeSymlink, c.Target
	default:
		h.Typeflag, h.Size = tar.TypeReg, int64(len(c.Data))
	}
	return h
}

// keptXattrs drops the attributes that describe the replaced content.
func keptXattrs(records map[string]string) map[string]string {
	var kept map[string]string
	for key, value := range records {
		attr := strings.TrimPrefix(key, layer.XattrRecord)
		if attr != key && attr != "security.ima" && attr != "security.evm" && !strings.HasPrefix(attr, "trusted.overlay.") {
			kept = layer.WithRecord(kept, key, value)
		}
	}
	return kept
}

func unixMode(mode fs.FileMode) int64 {
	bits := int64(mode.Perm())
	for flag, bit := range map[fs.FileMode]int64{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if mode&flag != 0 {
			bits |= bit
		}
	}
	return bits
}

// tarBlock is the size of a block in a tar archive.
const tarBlock = 512
