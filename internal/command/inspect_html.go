package command

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
)

// htmlStart is how every page starts.
const htmlStart = "<!DOCTYPE html>\n"

func (o *inspectOptions) htmlFlag() cli.Flag {
	return &cli.StringFlag{Name: "html", Category: outputFlags, Usage: "write a page for a browser to `FILE` too; - is standard output, and nothing else is written there", TakesFile: true, Destination: &o.html}
}

// checkHTML refuses a file for the page that is something else: who forgets the
// name of the page would lose the file that was to be looked at.
func (o *inspectOptions) checkHTML(p *printer, given bool) error {
	switch {
	case given && o.html == "":
		return usagef("inspect: --html is empty")
	case o.html == "-" && p.json:
		return usagef("inspect: --html - and --json both write to standard output")
	case o.html == "" || o.html == "-":
		return nil
	}
	info, err := os.Stat(o.html)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("write the page: %w", err)
	case info.IsDir():
		return withHint(fmt.Errorf("write the page: %s is a directory", o.html), "name the page first: certgraft inspect --html report.html "+o.html)
	case info.Mode().IsRegular():
		return checkPage(o.html)
	}
	return nil
}

// checkPage returns an error unless the file is empty or an earlier page.
func checkPage(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	defer f.Close()
	start, err := io.ReadAll(io.LimitReader(f, int64(len(htmlStart))))
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	if !strings.HasPrefix(htmlStart, string(start)) {
		return withHint(fmt.Errorf("write the page: %s is there and is no page", name), "name another file: certgraft inspect --html report.html "+name)
	}
	return nil
}

// report writes the page, if one is wanted, and the result.
func (o *inspectOptions) report(p *printer, page func() *inspectPage, v any, text func(io.Writer)) error {
	switch o.html {
	case "":
	case "-":
		if _, err := p.out.Write(page().render()); err != nil {
			return fmt.Errorf("write the page: %w", err)
		}
		return nil
	default:
		if err := replaceFile(o.html, page().render()); err != nil {
			return fmt.Errorf("write the page: %w", err)
		}
	}
	return p.result(v, text)
}

// inspectPage is what a page shows, of a root or of a file.
type inspectPage struct {
	title    string
	about    []string // what was looked at, and how
	now      time.Time
	all      *certs.Set
	stores   []pageStore
	warnings []string

	root     bool // the rest is of a root
	disputes []dispute
	sources  []pageSource
	recorded map[certs.Fingerprint][]string // sources of what certgraft installed
}

// pageStore is one store, or the file, and what it holds.
type pageStore struct {
	path, format      string
	aliases, problems []string
	certs             []*certs.Certificate
}

// dispute is all the certificates that the same stores have and have not.
type dispute struct {
	in, missing []string
	certs       []*certs.Certificate
}

// pageSource is what certgraft installed from one source.
type pageSource struct {
	name, set string
	certs     []*certs.Certificate
	lost      []string // subjects of those that no store holds
}

func filePage(r fileResult, set *certs.Set, now time.Time) *inspectPage {
	c := &inspectPage{title: "What " + r.Path + " holds", about: []string{"pin @set:" + r.Set}, now: now, all: set}
	store := pageStore{path: r.Path, format: "file", certs: byName(set.All())}
	for _, f := range r.Findings {
		store.problems = append(store.problems, f.place()+f.Verdict+": "+f.Reason)
	}
	c.stores = []pageStore{store}
	return c
}

func rootPage(dir string, found *installer.Inspection, now time.Time) *inspectPage {
	c := &inspectPage{
		title: "What " + dir + " trusts", now: now, all: found.Held(), warnings: found.Warnings,
		root: true, recorded: map[certs.Fingerprint][]string{},
	}
	if dir == "/" {
		c.title = "What this system trusts"
	}
	d := found.Distribution
	if d.Name != "" {
		c.about = append(c.about, d.Name)
	}
	c.about = append(c.about, d.Family+" family: "+d.Rule)
	for _, s := range found.Stores {
		c.stores = append(c.stores, pageStore{path: s.Path, format: s.Format, aliases: s.Aliases, problems: s.Problems, certs: byName(s.All())})
	}
	c.addDisputes(found.Differences)
	c.addSources(found)
	return c
}

// addDisputes groups the certificates by the stores that have them.
func (c *inspectPage) addDisputes(all []installer.Difference) {
	index := map[string]int{}
	for _, d := range all {
		key := strings.Join(d.In, "\x00") + "\x00\x00" + strings.Join(d.Missing, "\x00")
		i, ok := index[key]
		if !ok {
			i = len(c.disputes)
			index[key] = i
			c.disputes = append(c.disputes, dispute{in: d.In, missing: d.Missing})
		}
		c.disputes[i].certs = append(c.disputes[i].certs, c.get(d.Fingerprint))
	}
}

// addSources tells what certgraft installed from where.
func (c *inspectPage) addSources(found *installer.Inspection) {
	index := map[string]int{}
	for i, s := range found.Installed {
		index[s.Source] = i
		c.sources = append(c.sources, pageSource{name: s.Source, set: s.Set})
	}
	for _, r := range found.Recorded() {
		cert := c.get(r.Fingerprint)
		if cert != nil {
			c.recorded[cert.Fingerprint()] = r.Sources
		}
		for _, name := range r.Sources {
			i, ok := index[name]
			switch {
			case !ok: // a record that others have edited
			case cert == nil:
				c.sources[i].lost = append(c.sources[i].lost, r.Subject)
			default:
				c.sources[i].certs = append(c.sources[i].certs, cert)
			}
		}
	}
}

// get returns the certificate with that fingerprint that a store holds, or nil.
func (c *inspectPage) get(fingerprint string) *certs.Certificate {
	f, err := certs.ParseFingerprint(fingerprint)
	if err != nil {
		return nil
	}
	return c.all.Get(f)
}
