package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/certgraft/certgraft/internal/command/words"
	"github.com/certgraft/certgraft/internal/hint"
)

// printer writes all text that a user sees. Results go to out. Warnings, hints,
// progress and the log go to err: they start without a capital and end without a
// period. On a terminal err has colour.
type printer struct {
	in       io.Reader
	out, err io.Writer
	env      environ
	colour   bool // err shows colour
	mac      bool // the running system is macOS

	json, quiet, verbose bool

	exact bool // the result is for a shell, even if it is not JSON

	moving *transfers // the transfers on display; nil before the first
}

// over writes at a place where a progress bar may stand.
func (p *printer) over(write func()) {
	if p.moving == nil {
		write()
		return
	}
	p.moving.aside(write)
}

// logWriter writes each record of the log by [printer.over].
type logWriter struct{ p *printer }

func (w logWriter) Write(record []byte) (n int, err error) {
	w.p.over(func() { n, err = w.p.err.Write(record) })
	return n, err
}

func newPrinter(in io.Reader, out, err io.Writer, env environ) *printer {
	return &printer{in: in, out: out, err: err, env: env, colour: isTerminal(err) && env.colour(), mac: runtime.GOOS == "darwin"}
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// flags are the flags of every command.
func (p *printer) flags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "json", Category: outputFlags, Usage: "write the result as JSON", Destination: &p.json},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Category: outputFlags, Usage: "write no report, only errors", Destination: &p.quiet},
		&cli.BoolFlag{Name: "verbose", Category: outputFlags, Usage: "say each step on standard error", Destination: &p.verbose},
	}
}

// log returns the logger for the packages below.
func (p *printer) log() *slog.Logger {
	if !p.verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(logWriter{p}, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{} // a build log adds its own times
			}
			return a
		},
	}))
}

// warn writes a warning. With --json it writes none, because the result lists the
// warnings; with --quiet neither.
func (p *printer) warn(message string) {
	if !p.json && !p.quiet {
		p.line("warning", yellow, message)
	}
}

// note writes a fact for the user that needs no action.
func (p *printer) note(message string) {
	if !p.json && !p.quiet {
		p.line("note", cyan, message)
	}
}

// failure writes an error and its hints.
func (p *printer) failure(err error) {
	if e, ok := errors.AsType[statusError](err); err == nil || ok && e.error == nil || !p.tells(err) {
		return
	}
	p.problem(err)
	advice := hint.Of(err)
	if len(advice) == 0 && exitStatus(err) == exitUsage {
		advice = []string{"run certgraft COMMAND --help for usage"}
	}
	for _, line := range advice {
		p.line("hint", cyan, line)
	}
}

// tells reports whether an error must be written: neither an earlier message nor
// the result has told it.
func (p *printer) tells(err error) bool {
	return !is[toldError](err) && (p.quiet || !is[reportedError](err))
}

// problem writes an error.
func (p *printer) problem(err error) {
	for line := range strings.Lines(strings.TrimSuffix(err.Error(), "\n")) {
		p.line("error", red, strings.TrimSuffix(line, "\n"))
	}
}

// Colours of the first word of a line, as SGR parameters.
const (
	red    = "31;1"
	yellow = "33;1"
	cyan   = "36"
)

func (p *printer) line(kind, sgr, message string) {
	label := len("certgraft: : ") + len(kind)
	if p.colour {
		kind = "\x1b[" + sgr + "m" + kind + "\x1b[0m"
	}
	p.over(func() {
		fmt.Fprintf(p.err, "certgraft: %s: %s\n", kind, p.brokenMessage(strings.Map(words.Visible, message), label))
	})
}

// brokenMessage breaks a message between words if it goes to a terminal. The lines
// are indented by the width of the label. A message with a command inside a
// sentence stays whole.
func (p *printer) brokenMessage(message string, label int) string {
	s := p.sheet(p.err)
	if s.columns == 0 || strings.Contains(message, "certgraft ") && !strings.Contains(message, ": certgraft ") {
		return message
	}
	indent := strings.Repeat(" ", label)
	lines := s.broken(indent + message)
	return strings.TrimPrefix(strings.Join(lines, "\n"), indent)
}

// result writes v as JSON, or calls text to write it for people. With --quiet it
// writes nothing.
func (p *printer) result(v any, text func(io.Writer)) error {
	buf := p.sheet(p.out)
	var data []byte
	switch {
	case p.json:
		if err := encodeJSON(buf, v, "  "); err != nil {
			return err
		}
		data = buf.Bytes()
	case !p.quiet:
		text(buf)
		data = buf.printed()
		if p.exact {
			data = buf.Bytes()
		}
	}
	if _, err := p.out.Write(data); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// jsonLine writes v as one line of JSON.
func (p *printer) jsonLine(v any) error {
	var buf bytes.Buffer
	if err := encodeJSON(&buf, v, ""); err != nil {
		return err
	}
	if _, err := p.out.Write(buf.Bytes()); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

func encodeJSON(w io.Writer, v any, indent string) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode the result: %w", err)
	}
	return nil
}

// report writes text to standard error.
func (p *printer) report(text func(io.Writer)) error { return p.write(p.err, text) }

// write writes text to one of the streams.
func (p *printer) write(to io.Writer, text func(io.Writer)) error {
	buf := p.sheet(to)
	text(buf)
	var err error
	p.over(func() { _, err = to.Write(buf.printed()) })
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func orEmpty[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}
