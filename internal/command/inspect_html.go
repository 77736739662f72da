package command

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/internal/command/page"
	"github.com/certgraft/certgraft/internal/hint"
)

func (o *inspectOptions) htmlFlag() cli.Flag {
	return &cli.StringFlag{Name: "html", Category: outputFlags, Usage: "write a page for a browser to `FILE` too; - is standard output, and nothing else is written there", TakesFile: true, Destination: &o.html}
}

// checkHTML refuses a file for the page that is something else: who forgets the
// name of the page would lose the file that was to be looked at.
func (o *inspectOptions) checkHTML(p *printer) error {
	switch {
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
		return hint.Add(fmt.Errorf("write the page: %s is a directory", o.html), "name the page first: certgraft inspect --html report.html "+o.html)
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
	start, err := io.ReadAll(io.LimitReader(f, int64(len(page.Start))))
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	if string(start) != page.Start[:len(start)] {
		return hint.Add(fmt.Errorf("write the page: %s is there and is no page", name), "name another file: certgraft inspect --html report.html "+name)
	}
	return nil
}

// report writes the page, if one is wanted, and the result.
func (o *inspectOptions) report(p *printer, html func() *page.Page, v any, text func(io.Writer)) error {
	switch o.html {
	case "":
	case "-":
		if _, err := p.out.Write(html().Render(version())); err != nil {
			return fmt.Errorf("write the page: %w", err)
		}
		return nil
	default:
		if err := replaceFile(o.html, html().Render(version())); err != nil {
			return fmt.Errorf("write the page: %w", err)
		}
	}
	return p.result(v, text)
}
