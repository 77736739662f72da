package command

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/certs"
)

// distrustOptions is the flag of the commands that leave distrusted CAs out.
type distrustOptions struct {
	action string
}

func (o *distrustOptions) flag() cli.Flag {
	return wordFlag{&cli.StringFlag{Name: "distrusted", Category: sourceFlags, Usage: "CAs that the lists of distrusted ones block: skip, keep or fail", Value: "skip", Destination: &o.action}, actions.words(), false}
}

// apply adds the lists to a policy.
func (o *distrustOptions) apply(ctx context.Context, policy *certs.Policy, catalog []string) (err error) {
	if policy.Listed, err = listedBy(ctx, catalog); err != nil {
		return err
	}
	policy.Distrusted, err = actions.find("distrusted", o.action)
	return err
}

// listedBy returns a function that looks a certificate up in the lists, as a
// [certs.Policy] asks for.
func listedBy(ctx context.Context, catalog []string) (func(*certs.Certificate) (said string, blocked bool), error) {
	lists, err := bundles.Distrusts(ctx, bundles.Options{Catalog: catalog})
	if err != nil {
		return nil, err
	}
	return func(c *certs.Certificate) (string, bool) {
		l := lists.Of(c)
		if l == nil {
			return "", false
		}
		return l.Said(), l.After == ""
	}, nil
}

// distrusted writes all that is known of the lists of distrusted CAs with that
// name.
func (o *listOptions) distrusted(ctx context.Context, p *printer, name string) error {
	all, err := bundles.Distrusts(ctx, bundles.Options{Catalog: catalogFiles(o.catalog)})
	if err != nil {
		return err
	}
	lists, err := all.Find(name)
	if err != nil {
		return err
	}
	return p.result(lists, func(w io.Writer) {
		for i, l := range lists {
			if i > 0 {
				fmt.Fprintln(w)
			}
			distrustDetail(w, l)
		}
		fmt.Fprintf(w, "\nThe lists in this program were checked on %s.\n", all.Date)
	})
}

// distrustDetail writes all that is known of one list.
func distrustDetail(w io.Writer, l *bundles.Distrust) {
	fmt.Fprintf(w, "@%s: %s\n", l.Name, l.Title)
	rows := [][]string{{"since", l.Since}, {"why", l.Why}}
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, []string{name, value})
		}
	}
	if l.After != "" {
		add("blocks", "nothing: what was issued until "+l.After+" is still trusted")
	}
	if l.Evidence.Date != "" {
		add("checked", l.Evidence.Date+", confidence "+l.Evidence.Confidence)
	}
	add("sources", strings.Join(l.Evidence.Sources, "; "))
	add("notes", l.Evidence.Notes)
	for _, c := range l.Certificates {
		add("certificate", c.SHA256+" "+c.Name)
	}
	for _, k := range l.Keys {
		add("key", "spki:"+k.SHA256+" "+k.Name)
	}
	table(w, rows)
}
