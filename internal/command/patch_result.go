package command

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/installer"
)

// patchResult is the JSON of certgraft patch; docs/json.md describes it for
// users.
type patchResult struct {
	Schema     int              `json:"schema"` // 1; grows when a field changes its meaning
	Image      string           `json:"image"`
	Error      string           `json:"error,omitzero"` // of an image that failed: in a list, or while it was written
	Was        image.Digest     `json:"was"`
	Digest     image.Digest     `json:"digest"`
	Changed    bool             `json:"changed"`
	DryRun     bool             `json:"dryRun"`
	References []string         `json:"references"`        // where it was written; in a registry by digest
	JudgedAt   time.Time        `json:"judgedAt,omitzero"` // the moment of judgement; zero without one
	Sources    []sourceResult   `json:"sources"`
	Platforms  []platformResult `json:"platforms"`
	Dropped    []image.Dropped  `json:"dropped"`
	About      []string         `json:"about,omitzero"` // documents in the registry about the digest before the patch
	Verdicts   []verdict        `json:"verdicts"`
	Warnings   []string         `json:"warnings"`

	reports []*platformResult // in the order of the edits
	places  []string          // the destinations
	named   []string          // destinations that did not have the image before
	verbose bool              // the text of a dry run names each change
}

// platformResult is the result for one image of an index, or for the only image.
type platformResult struct {
	Platform     string                   `json:"platform"`
	Was          image.Digest             `json:"was"`
	Digest       image.Digest             `json:"digest"`
	Left         string                   `json:"left,omitzero"` // why this image was left unchanged
	Distribution *installer.Detection     `json:"distribution,omitzero"`
	Stores       []installer.StoreReport  `json:"stores"`
	Stays        []installer.Stay         `json:"stays,omitzero"`
	Distrusted   []installer.Taken        `json:"distrusted,omitzero"`
	Already      []installer.Taken        `json:"already,omitzero"`
	Returned     []installer.Taken        `json:"returned,omitzero"`
	Missing      []installer.Unwanted     `json:"missing,omitzero"`
	Changes      []changeResult           `json:"changes"`
	Layer        *layerResult             `json:"layer,omitzero"`        // the added layer
	Rewritten    []rewrittenResult        `json:"rewritten,omitzero"`    // the edited layers
	LayerRemoved bool                     `json:"layerRemoved,omitzero"` // an earlier patch's layer was removed, and not replaced
	Env          []string                 `json:"env"`
	EnvRemoved   []string                 `json:"envRemoved,omitzero"`
	Unread       []image.Skipped          `json:"unread"`
	Warnings     []string                 `json:"warnings"`
	Notes        []string                 `json:"notes"`
	Readers      []installer.ReaderReport `json:"readers"`
	Advice       []installer.Advice       `json:"advice"`
}

// layerResult is the added layer.
type layerResult struct {
	Digest    image.Digest `json:"digest"`
	Size      int64        `json:"size"`
	MediaType string       `json:"mediaType"`
	Replaced  bool         `json:"replaced"` // it replaces the layer of an earlier patch
}

// rewrittenResult is an edited layer.
type rewrittenResult struct {
	Was       image.Digest `json:"was"`
	Digest    image.Digest `json:"digest"`
	Size      int64        `json:"size"`
	MediaType string       `json:"mediaType"`
}

// edited takes over the installer's report on the image for one platform.
func (r *patchResult) edited(platform image.Platform, report *installer.Report) {
	r.reports = append(r.reports, &platformResult{
		Platform: platform.String(), Distribution: report.Detection, Stores: orEmpty(report.Stores), Stays: report.Stays,
		Distrusted: report.Taken, Already: report.Already, Returned: report.Returned, Missing: report.Missing,
		Warnings: orEmpty(report.Warnings), Notes: orEmpty(report.Notes), Readers: orEmpty(report.Readers), Advice: orEmpty(report.Advice),
	})
}

// updated takes over the results for all images, in the order of the index.
func (r *patchResult) updated(result *image.Result) {
	r.Digest, r.Changed = result.Image.Descriptor.Digest, result.Changed
	r.Dropped = orEmpty(result.Dropped)
	edits := r.reports
	for _, part := range result.Parts {
		one := platformResult{Platform: part.Platform.String(), Left: part.Left, Stores: []installer.StoreReport{}, Warnings: []string{}, Notes: []string{}, Readers: []installer.ReaderReport{}, Advice: []installer.Advice{}}
		if part.Left == "" {
			one, edits = *edits[0], edits[1:]
		}
		one.Was, one.Digest, one.Env, one.EnvRemoved, one.Unread, one.Changes = part.Was, part.Now, orEmpty(part.Env), part.EnvGone, orEmpty(part.Skipped), []changeResult{}
		for _, c := range part.Changes {
			if part.Layer != nil || part.LayerGone || len(part.Rewritten) > 0 {
				one.Changes = append(one.Changes, changeOf(c))
			}
		}
		if part.Layer != nil {
			one.Layer = &layerResult{Digest: part.Layer.Digest, Size: part.Layer.Size, MediaType: part.Layer.MediaType, Replaced: part.Replaced}
		}
		one.LayerRemoved = part.LayerGone
		for _, l := range part.Rewritten {
			one.Rewritten = append(one.Rewritten, rewrittenResult{l.Was, l.Layer.Digest, l.Layer.Size, l.Layer.MediaType})
		}
		if part.Warning != "" {
			one.Warnings = append(one.Warnings, part.Warning)
		}
		if part.Subject != "" {
			one.Notes = append(one.Notes, "the manifest says that it is about "+string(part.Subject)+", which stays so")
		}
		r.Platforms = append(r.Platforms, one)
	}
}

// compressed takes over the layers that were compressed for a push. The result has
// exactly one image, and the registry gets only the compressed layers.
func (r *patchResult) compressed(now image.Digest, layers map[image.Digest]image.Descriptor) {
	r.Digest = now
	for i := range r.Platforms {
		one := &r.Platforms[i]
		one.Digest = now
		if one.Layer != nil {
			became(layers, &one.Layer.Digest, &one.Layer.Size, &one.Layer.MediaType)
		}
		for j := range one.Rewritten {
			l := &one.Rewritten[j]
			became(layers, &l.Digest, &l.Size, &l.MediaType)
		}
	}
}

func became(layers map[image.Digest]image.Descriptor, digest *image.Digest, size *int64, mediaType *string) {
	if d, ok := layers[*digest]; ok {
		*digest, *size, *mediaType = d.Digest, d.Size, d.MediaType
	}
}

// notices returns the warnings and notes on the image.
func (r *patchResult) notices() (all []notice) {
	for _, one := range r.Platforms {
		add := func(warning bool, text, several string) {
			all = append(all, notice{warning, text, several, one.Platform})
		}
		for _, w := range one.Warnings {
			add(true, w, "")
		}
		for _, u := range one.Unread {
			of := func(size string) string {
				return "the layer that copies to " + u.Path + size + " was not read; --scan all reads it"
			}
			add(false, of(" ("+size(u.Size)+")"), of(""))
		}
		for _, n := range one.Notes {
			add(false, n, "")
		}
		for _, a := range one.Advice {
			add(false, a.String(), "")
		}
	}
	if len(r.About) > 0 {
		all = append(all, notice{
			text:    "referrers stay with the old digest: " + strings.Join(r.About, ", ") + "; sign the new digest again",
			several: "signatures and referrers stay with the old digest; sign the new one again",
		})
	}
	for _, d := range r.Dropped {
		kind, _, _ := strings.Cut(d.What, " of ") // the subject of the attestation differs between images
		all = append(all, notice{text: "dropped the " + d.What + ": " + d.Why, several: "dropped the " + kind + ": " + d.Why})
	}
	return all
}

// staying returns a notice for each CA that stays.
func (r *patchResult) staying() (all []notice) {
	for _, one := range r.Platforms {
		for _, s := range one.Stays {
			all = append(all, notice{text: "stays: " + s.Subject + ", because " + s.Because, platform: one.Platform})
		}
	}
	return all
}

// text writes the report: a block for each platform, and a summary.
func (r *patchResult) text(w io.Writer) {
	rows := sourceRows(r.Sources)
	for _, one := range r.Platforms {
		rows = append(rows, one.rows()...)
	}
	table(w, rows)
	for _, one := range r.Platforms {
		staysText(w, one.Platform+": ", one.Stays)
		trustedText(w, one.Platform+": ", one.Readers)
		takenText(w, one.Platform+": ", &installer.Report{Taken: one.Distrusted, Already: one.Already, Returned: one.Returned, Missing: one.Missing})
	}
	if r.DryRun {
		for _, one := range r.Platforms {
			wouldText(w, one.Platform+": ", one.Changes, r.verbose)
		}
	}
	summary := r.summary()
	if !r.JudgedAt.IsZero() {
		summary += ", " + judgedAt(r.JudgedAt)
	}
	fmt.Fprintln(w, summary)
}

func (r platformResult) rows() [][]string {
	if r.Left != "" {
		return [][]string{{r.Platform, "left as it is", r.Left}}
	}
	rows := [][]string{{r.Platform, r.Distribution.Family + " family", r.Distribution.Rule}}
	rows = append(rows, storeRows("  ", r.Stores)...)
	for _, kv := range r.Env {
		rows = append(rows, []string{"  env", "set", kv})
	}
	for _, kv := range r.EnvRemoved {
		rows = append(rows, []string{"  env", "removed", kv})
	}
	for _, l := range r.Rewritten {
		rows = append(rows, []string{"  layer", "rewritten, " + size(l.Size), string(l.Digest)})
	}
	if r.LayerRemoved {
		rows = append(rows, []string{"  layer", "removed", "of an earlier patch"})
	}
	if r.Layer != nil {
		verb := "added"
		if r.Layer.Replaced {
			verb = "replaced"
		}
		rows = append(rows, []string{"  layer", verb + ", " + size(r.Layer.Size), string(r.Layer.Digest)})
	}
	return rows
}

// The words by which the total counts an image of a list.
const (
	asChanged = "changed"
	asWould   = "would change"
	asThere   = "already there" // an earlier run wrote it
	asTagged  = "tagged"        // the image is up to date, and only its name is new
	asWanted  = "up to date"
)

// counted returns the word by which the total counts the image.
func (r *patchResult) counted() string {
	switch {
	case r.Error != "":
		return asFailed
	case r.DryRun && r.Changed:
		return asWould
	case !r.Changed && len(r.named) > 0:
		return asTagged
	case !r.Changed:
		return asWanted
	case len(r.named) == 0:
		return asThere
	}
	return asChanged
}

// summary returns the result for the image in one line.
func (r *patchResult) summary() string {
	switch r.counted() {
	case asTagged:
		return "tagged: " + r.Image + " is up to date, and was written as " + strings.Join(r.named, ", ")
	case asThere:
		return "nothing to do: " + string(r.Digest) + " is already at " + strings.Join(r.places, ", ")
	case asWanted:
		return "nothing to do: " + r.Image + " is up to date"
	case asWould:
		return "dry run: " + r.Image + " would become " + string(r.Digest)
	}
	return "done: " + r.Image + " became " + strings.TrimSpace(string(r.Digest))
}

// judgedAt says when certificates were judged.
func judgedAt(t time.Time) string {
	return "certificates judged at " + t.UTC().Format("2006-01-02 15:04:05 MST")
}

// size formats a number of bytes.
func size(n int64) string {
	const unit = 1000
	value, units := float64(n), []string{"B", "kB", "MB", "GB", "TB"}
	for value >= unit && len(units) > 1 {
		value, units = value/unit, units[1:]
	}
	if units[0] == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", value, units[0])
}
