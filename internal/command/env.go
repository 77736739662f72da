package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/command/words"
	"github.com/certgraft/certgraft/readers"
)

// envOptions are the flags of certgraft env.
type envOptions struct {
	root, format string
	all          bool
}

func envCommand(p *printer) *cli.Command {
	o := &envOptions{}
	return &cli.Command{
		Name:        "env",
		Usage:       "write the variables that make each runtime use the system's bundle",
		Description: "eval \"$(certgraft env)\"\ncertgraft env --root /mnt --format dockerfile >>Dockerfile",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "root", Category: targetFlags, Usage: "look at the root file system in `DIR`", Value: "/", TakesFile: true, Destination: &o.root},
			wordFlag{&cli.StringFlag{Name: "format", Category: outputFlags, Usage: "sh, dockerfile, json or compose", Value: "sh", Destination: &o.format}, envFormats.words(), false},
			&cli.BoolFlag{Name: "all", Category: outputFlags, Usage: "write the variables of runtimes too that are not in the root, or need none", Destination: &o.all},
		},
		Action: taking(0, 0, "", func(ctx context.Context, _ []string) error { return o.run(ctx, p) }),
	}
}

// envResult is the JSON of certgraft env.
type envResult struct {
	Schema int    `json:"schema"` // 1; grows when a field changes its meaning
	Root   string `json:"root"`
	*installer.Environment
}

// envFormats are the formats for the variables.
var envFormats = choices[func(w io.Writer, all []readers.Setting)]{
	{"sh", shellText}, {"dockerfile", dockerfileText}, {"json", nil}, {"compose", composeText},
}

func (o *envOptions) run(ctx context.Context, p *printer) error {
	text, err := envFormats.find("format", o.format)
	if err != nil {
		return err
	}
	p.json = p.json || o.format == "json"
	at, err := p.openRoot(ctx, o.root)
	if err != nil {
		return err
	}
	defer at.close()
	found, err := installer.Environ(at.root, at.options, o.all)
	if err != nil {
		return fmt.Errorf("look for runtimes in %s: %w", o.root, err)
	}
	o.remarks(p, found)
	p.exact = true
	return p.result(envResult{1, o.root, found}, func(w io.Writer) { text(w, found.Variables) })
}

// remarks says which variables are left out, and why. Variables with the same
// reason share a line.
func (o *envOptions) remarks(p *printer, found *installer.Environment) {
	left := words.Group(found.LeftOut, func(l installer.LeftOut) (reason, name string) { return l.Reason, l.Name })
	for reason, names := range left {
		are := " is"
		if len(names) > 1 {
			are = " are"
		}
		p.note(strings.Join(names, ", ") + are + " left out: " + reason)
	}
	for _, b := range found.Browsers {
		p.note("no variable reaches " + b.Name + " (" + b.Path + "): certgraft install --stores auto,browser SOURCE… writes the policies that it reads")
	}
	for _, d := range found.Databases {
		p.note("no variable reaches " + d.Whom + " (" + d.Path + "): " + d.Adds())
	}
	switch {
	case found.Bundle == "":
		p.warn(o.root + " has no bundle of CAs that a variable could name: run certgraft install first")
	case len(found.Variables) == 0 && len(found.LeftOut) == 0:
		p.note("no program in " + o.root + " needs a variable: all read " + found.Bundle + "; --all writes every variable")
	}
}

// remark says in a comment which reader reads a variable, and what it does.
func remark(v readers.Setting) string {
	if v.Adds {
		return "# " + v.Runtime + ": adds to their own roots"
	}
	return "# " + v.Runtime + ": replaces their own roots"
}

func shellText(w io.Writer, all []readers.Setting) {
	for _, v := range all {
		fmt.Fprintf(w, "%s\nexport %s=%s\n", remark(v), v.Name, shellQuoted(v.Value))
	}
}

// shellQuoted quotes a word for sh if it needs quotes.
func shellQuoted(word string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("/._-+:=,@%", r)
	}
	if word != "" && strings.TrimLeftFunc(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func dockerfileText(w io.Writer, all []readers.Setting) {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`)
	for _, v := range all {
		fmt.Fprintf(w, "%s\nENV %s=\"%s\"\n", remark(v), v.Name, quote.Replace(v.Value))
	}
}

// composeText writes the environment of a service. Compose requires $ to be
// doubled.
func composeText(w io.Writer, all []readers.Setting) {
	if len(all) == 0 {
		fmt.Fprintln(w, "environment: {}")
		return
	}
	fmt.Fprintln(w, "environment:")
	for _, v := range all {
		quoted, _ := json.Marshal(strings.ReplaceAll(v.Value, "$", "$$")) // a string always encodes
		fmt.Fprintf(w, "  %s\n  %s: %s\n", remark(v), v.Name, quoted)
	}
}
