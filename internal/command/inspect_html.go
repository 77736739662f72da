package command

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/internal/command/page"
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
	case o.html == "-":
		return nil
	}
	return mayReplace(o.html, page.Start, "page", "certgraft inspect --html report.html")
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
