package command

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/internal/command/bill"
	"github.com/certgraft/certgraft/internal/command/page"
)

func (o *inspectOptions) documentFlags() []cli.Flag {
	const other = "; - is standard output, and nothing else is written there"
	return []cli.Flag{
		&cli.StringFlag{Name: "html", Category: outputFlags, Usage: "write a page for a browser to `FILE` too" + other, TakesFile: true, Destination: &o.html},
		&cli.StringFlag{Name: "cyclonedx", Category: outputFlags, Usage: "write a bill of the certificates to `FILE` too, as CycloneDX 1.6" + other, TakesFile: true, Destination: &o.cyclonedx},
	}
}

// checkDocuments refuses to replace a file that is no earlier document.
func (o *inspectOptions) checkDocuments(p *printer) error {
	var toOut []string
	for _, f := range []struct {
		flag string
		on   bool
	}{{"--html -", o.html == "-"}, {"--cyclonedx -", o.cyclonedx == "-"}, {"--json", p.json}} {
		if f.on {
			toOut = append(toOut, f.flag)
		}
	}
	if len(toOut) > 1 {
		return usagef("inspect: %s and %s both write to standard output", toOut[0], toOut[1])
	}
	if o.html != "-" {
		if err := mayReplace(o.html, page.Start, "page", "certgraft inspect --html report.html"); err != nil {
			return err
		}
	}
	if o.cyclonedx != "-" {
		return mayReplace(o.cyclonedx, bill.Start, "bill", "certgraft inspect --cyclonedx cas.cdx.json")
	}
	return nil
}

// documents are the documents that one result can give.
type documents struct {
	page func() *page.Page
	bill func() *bill.Bill
}

// report writes the documents that the flags name. It writes the result unless a
// document went to standard output.
func (o *inspectOptions) report(p *printer, of documents, v any, text func(io.Writer)) error {
	if o.html != "" {
		if err := o.document(p, o.html, of.page().Render(version())); err != nil {
			return fmt.Errorf("write the page: %w", err)
		}
	}
	if o.cyclonedx != "" {
		data, err := of.bill().Encode(version())
		if err == nil {
			err = o.document(p, o.cyclonedx, data)
		}
		if err != nil {
			return fmt.Errorf("write the bill: %w", err)
		}
	}
	if o.html == "-" || o.cyclonedx == "-" {
		return nil
	}
	return p.result(v, text)
}

func (o *inspectOptions) document(p *printer, name string, data []byte) error {
	if name == "-" {
		_, err := p.out.Write(data)
		return err
	}
	return replaceFile(name, data)
}
