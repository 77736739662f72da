package command

import (
	"encoding/json"
	"fmt"

	"github.com/certgraft/certgraft/image"
)

// report writes what was done: on standard output the names of the images
// alone, unless an archive went there; on standard error all else.
func (w *imageEditor) report(results []*patchResult) error {
	if err := w.writeMetadata(results); err != nil {
		return err
	}
	if w.p.json {
		if v := w.shape(results); v != nil {
			return w.p.result(v, nil)
		}
		return nil
	}
	for _, r := range results {
		if err := w.reportOne(r); err != nil {
			return err
		}
	}
	return nil
}

// shape returns what is written of results: of a list all, else the one, or nil.
func (w *imageEditor) shape(results []*patchResult) any {
	if w.o.place.fromFile != "" {
		return results
	}
	for _, r := range results {
		return r
	}
	return nil
}

// reportOne says what became of an image. Of one that failed the error says
// that, and only where it was written before is named.
func (w *imageEditor) reportOne(r *patchResult) error {
	if r.Error == "" && !w.p.quiet {
		if err := w.p.report(r.text); err != nil {
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

func (w *imageEditor) writeMetadata(results []*patchResult) error {
	v := w.shape(results)
	if w.o.metadataFile == "" || v == nil {
		return nil
	}
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the metadata: %w", err)
	}
	return replaceFile(w.o.metadataFile, append(data, '\n'))
}
