package command

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/certgraft/certgraft/image"
)

// report writes the result for one image. Standard output gets only the names of
// the image, unless it got the archive; standard error gets the rest. For an image
// that failed the error is enough: report names only the destinations that were
// written before.
func (w *imageEditor) report(r *patchResult) error {
	if err := w.writeMetadata(r); err != nil {
		return err
	}
	if w.p.json {
		return w.p.result(r, nil)
	}
	return w.reportBy(r, r.text)
}

// reportLine writes the result for an image of a list.
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

// reportSources writes the sources that the images of a list will get.
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

// name writes where an image is. If standard output has the image itself, standard
// error gets the digest.
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

// writeMetadata writes one result, or the results of a list.
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
