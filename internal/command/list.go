package command

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/bundles"
)

// listOptions are the flags of certgraft list.
type listOptions struct {
	catalog, search string
}

func listCommand(p *printer) *cli.Command {
	o := &listOptions{}
	return &cli.Command{
		Name:        "list",
		Usage:       "list the providers in the catalogue, or say all that is known of one, or of a list of distrusted CAs",
		ArgsUsage:   "[ID|ID:REGION|@LIST]",
		Description: "certgraft list --search 'azure postgres'\ncertgraft list aws-rds\ncertgraft list aws-rds:eu-west-1\ncertgraft list @all                   the CAs that are left out, and why",
		Flags: []cli.Flag{
			catalogFlag(&o.catalog),
			&cli.StringFlag{Name: "search", Category: sourceFlags, Usage: "only providers that have each of `WORDS` somewhere in their entry, the best first", Destination: &o.search},
		},
		Action: taking(0, 1, "", func(ctx context.Context, args []string) error { return o.run(ctx, p, args) }),
	}
}

// providerResult is the JSON of one provider.
type providerResult struct {
	*bundles.Provider
	Snapshot *snapshotResult `json:"snapshot,omitzero"`
}

type snapshotResult struct {
	Certificates int      `json:"certificates"`
	Complete     bool     `json:"complete"`
	Missing      []string `json:"missing,omitzero"`
}

func (o *listOptions) run(ctx context.Context, p *printer, args []string) error {
	catalogue, err := bundles.Catalog(ctx, bundles.Options{Catalog: catalogFiles(o.catalog)})
	if err != nil {
		return err
	}
	if len(args) == 1 {
		if strings.HasPrefix(args[0], "@") {
			return o.distrusted(ctx, p, args[0])
		}
		provider, err := catalogue.Entry(args[0])
		if err != nil {
			return err
		}
		one := newProviderResult(provider)
		now, err := p.env.now()
		if err != nil {
			return err
		}
		return p.result(one, func(w io.Writer) { one.detail(w, now) })
	}
	found := []providerResult{}
	for _, provider := range catalogue.Search(o.search) {
		found = append(found, newProviderResult(provider))
	}
	return p.result(found, func(w io.Writer) { listText(w, found, o.search) })
}

func newProviderResult(provider *bundles.Provider) providerResult {
	out := providerResult{Provider: provider}
	if set, complete, missing := provider.Snapshot(); set != nil && set.Len() > 0 {
		out.Snapshot = &snapshotResult{Certificates: set.Len(), Complete: complete, Missing: missing}
	}
	return out
}

func listText(w io.Writer, found []providerResult, word string) {
	if len(found) == 0 {
		fmt.Fprintf(w, "no provider matches %q; any https URL or file is a source too\n", word)
		return
	}
	rows := [][]string{{"ID", "KIND", "OFFLINE", "TITLE"}}
	for _, f := range found {
		rows = append(rows, []string{f.ID, string(f.Kind), f.offline(), f.Title})
	}
	table(w, rows)
}

// offline says which certificates of the provider this program carries.
func (r providerResult) offline() string {
	switch {
	case r.Snapshot == nil:
		return "-"
	case r.Snapshot.Complete:
		return fmt.Sprint(r.Snapshot.Certificates)
	}
	return fmt.Sprintf("%d, not all", r.Snapshot.Certificates)
}

// detail writes all that is known of one provider. Now is the time for the
// judgement of expiry.
func (r providerResult) detail(w io.Writer, now time.Time) {
	fmt.Fprintf(w, "%s: %s\n", r.ID, r.Title)
	rows := [][]string{{"page", r.Homepage}, {"kind", string(r.Kind)}}
	add := func(name string, values ...string) {
		if text := strings.Join(values, " "); text != "" {
			rows = append(rows, []string{name, text})
		}
	}
	add("warning", r.Warning)
	add("strict", strictly(r.Strict))
	add("aliases", r.Aliases...)
	add("engines", r.Engines...)
	add("formats", r.Formats...)
	for _, u := range r.URLs {
		add("url", u)
	}
	add("regions", slices.Sorted(maps.Keys(r.Regions))...)
	add("pin", r.Pin)
	for _, c := range r.Commands {
		add("command", c)
	}
	add("checked", r.Evidence.Date+", confidence "+r.Evidence.Confidence)
	add("sources", strings.Join(r.Evidence.Sources, "; "))
	add("checksum", r.Evidence.Checksum)
	add("offline", r.offline())
	add("set", r.Evidence.Set)
	add("notes", r.Evidence.Notes)
	for _, k := range r.Known {
		add("known", k.SHA256[:16], k.NotAfter, k.Name+expired(k, now))
	}
	table(w, rows)
}

// strictly says which readers refuse CAs of the provider.
func strictly(which string) string {
	if which == "" {
		return ""
	}
	return "Python from 3.13 on and others that are strict refuse " + which
}

// expired marks a certificate that has expired.
func expired(k bundles.Known, now time.Time) string {
	if k.NotAfter < now.Format(time.DateOnly) {
		return " (expired)"
	}
	return ""
}
