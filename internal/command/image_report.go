package command

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/certgraft/certgraft/image"
)

// report writes what was done to one image: on standard output its names alone,
// unless an archive went there; on standard error all else. Of an image that
// failed the error says that, and only where it was written before is named.
func (w *imageEditor) report(r *patchResult) error {
	if err := w.writeMetadata(r); err != nil {
		return err
	}
	if w.p.json {
		return w.p.result(r, nil)
	}
	return w.reportBy(r, r.text)
}

// reportLine writes what was done to an image of a list.
func (w *imageEditor) reportLine(r *patchResult) error {
	return w.reportBy(r, func(out io.Writer) { fmt.Fprintln(out, r.summary()) })
}

func (w *imageEditor) reportBy(r *patchResult, text func(io.Writer)) error {
	if r.Error == "" && !w.p.quiet {
		if err := w.p.report(text); err != nil {
			return err
		}
	}
	for _, ref := range r.References {
		if err := w.name(ref, r.Digest); err != nil {
			return err
		}
	}
	return nil
}

// reportSources writes what the images of a list are to get.
func (w *imageEditor) reportSources() error {
	if w.p.json || w.p.quiet {
		return nil
	}
	return w.p.report(func(out io.Writer) {
		table(out, sourceRows(w.loaded.Sources))
		if !w.judgedAt.IsZero() {
			fmt.Fprintln(out, judgedAt(w.judgedAt))
		}
	})
}

// name writes where an image is. Where standard output has the image itself
// its digest is on standard error.
func (w *imageEditor) name(ref string, digest image.Digest) error {
	out, line := w.p.out, ref
	if at, err := w.locations.Parse(ref); err == nil && at.IsStream() {
		out, line = w.p.err, string(digest)
	}
	if _, err := fmt.Fprintln(out, line); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// writeMetadata writes a result, or those of a list.
func (w *imageEditor) writeMetadata(v any) error {
	if w.o.metadataFile == "" {
		return nil
	}
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the metadata: %w", err)
	}
	return replaceFile(w.o.metadataFile, append(data, '\n'))
}
