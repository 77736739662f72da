package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/internal/command"
)

// commandFiles makes the files from the command tree.
func commandFiles(dir string) (map[string][]byte, error) {
	tree, err := readTree(dir)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for name, made := range map[string]string{
		"docs/commands.md":                            commandsPage(tree),
		"docs/certgraft.1":                            manPage(tree),
		"docs/providers.md":                           providersPage(tree.providers),
		"internal/command/completions/certgraft.bash": bashCompletion(tree),
		"internal/command/completions/certgraft.zsh":  zshCompletion(tree),
		"internal/command/completions/certgraft.fish": fishCompletion(tree),
	} {
		files[name] = []byte(made)
	}
	return files, nil
}

// program is the content of the pages and completions.
type program struct {
	usage     string
	about     []string // paragraphs
	commands  []commandDoc
	variables [][2]string // name and meaning

	providers    []*bundles.Provider
	ids, regions []string // the names of sources, without and with a region
}

// commandDoc is the description of a command.
type commandDoc struct {
	name, usage, args string
	about             []string // paragraphs
	examples          [][2]string
	flags             []flagDoc // by category, then by name
}

// flagDoc is the description of a flag.
type flagDoc struct {
	names       []string // without dashes, the long one first
	category    string   // with a colon
	placeholder string   // "" for a flag without a value
	usage       string
	defaults    string // as on a command line
	env         []string
	takesFile   bool
	often       bool     // the flag may be repeated
	words       []string // the words that it takes
	others      bool     // the flag takes other values too
}

// statuses are the exit statuses and what they mean; see command.Run.
var statuses = [][2]string{
	{"0", "done, also when there was nothing to do"},
	{"1", "the work failed; of verify: no verdict"},
	{"2", "wrong usage"},
	{"3", "the input was refused: no certificate, a private key, a pin, a lock or a policy that it does not meet"},
	{"4", "a source, or a registry, could not be reached"},
	{"5", "verify, diff or lock --check found what it looks for"},
}

// readTree reads the command tree and the catalogue.
func readTree(dir string) (program, error) {
	app, categories := command.App(), command.Categories()
	about, _ := splitDescription(app.Description)
	p := program{usage: app.Usage, about: about}
	var err error
	if p.variables, err = variables(dir); err != nil {
		return p, err
	}
	catalogue, err := bundles.Catalog(context.Background(), bundles.Options{})
	if err != nil {
		return p, err
	}
	p.providers = slices.Collect(catalogue.All())
	p.ids, p.regions = completedIDs(p.providers)
	for _, c := range app.Commands {
		d := commandDoc{name: c.Name, usage: c.Usage, args: c.ArgsUsage}
		d.about, d.examples = splitDescription(c.Description)
		for _, f := range append(slices.Clone(c.Flags), cli.HelpFlag) {
			d.flags = append(d.flags, documentedFlag(f))
		}
		slices.SortFunc(d.flags, func(a, b flagDoc) int {
			if d := slices.Index(categories, a.category) - slices.Index(categories, b.category); d != 0 {
				return d
			}
			return strings.Compare(a.names[0], b.names[0])
		})
		if !slices.Contains(categories, d.flags[0].category) {
			return p, fmt.Errorf("%s --%s: the category %q is not among the documented ones", c.Name, d.flags[0].names[0], d.flags[0].category)
		}
		p.commands = append(p.commands, d)
	}
	return p, nil
}

func documentedFlag(f cli.Flag) flagDoc {
	doc := f.(cli.DocGenerationFlag)
	d := flagDoc{names: f.Names(), category: command.CategoryOf(f), env: doc.GetEnvVars()}
	d.placeholder, d.usage = command.Placeholder(doc)
	if s, ok := f.(cli.DocGenerationSliceFlag); ok {
		d.often = s.IsSliceFlag()
	}
	if s, ok := f.(*cli.StringFlag); ok {
		d.takesFile = s.TakesFile
	}
	if s, ok := f.(*cli.StringSliceFlag); ok {
		d.takesFile = s.TakesFile
	}
	if w, ok := f.(interface{ Words() ([]string, bool) }); ok {
		d.words, d.others = w.Words()
	}
	if d.placeholder == "" {
		return d
	}
	d.defaults = strings.Trim(doc.GetDefaultText(), `"`)
	if strings.HasSuffix(d.defaults, "m0s") {
		d.defaults = strings.TrimSuffix(d.defaults, "0s")
	}
	return d
}

var spaces = regexp.MustCompile(`\s{3,}`)

// splitDescription splits a description into paragraphs and examples. Three spaces
// separate the command of an example from its meaning.
func splitDescription(text string) (paragraphs []string, examples [][2]string) {
	prose, lines := command.SplitDescription(text)
	for _, line := range lines {
		parts := append(spaces.Split(line, 2), "")
		examples = append(examples, [2]string{parts[0], strings.Trim(parts[1], "()")})
	}
	if prose != "" {
		paragraphs = []string{prose}
	}
	return paragraphs, examples
}

// variables returns the variables in the comment of the type environ, which names
// every variable that the program reads.
func variables(dir string) ([][2]string, error) {
	source, err := os.ReadFile(filepath.Join(dir, "internal/command/environ.go"))
	if err != nil {
		return nil, err
	}
	var found [][2]string
	for _, line := range regexp.MustCompile(`(?m)^//\t(.*)$`).FindAllStringSubmatch(string(source), -1) {
		name, meaning, ok := strings.Cut(line[1], "  ")
		if !ok {
			return nil, fmt.Errorf("environ.go: %q has no two spaces between names and meaning", line[1])
		}
		found = append(found, [2]string{name, strings.TrimSpace(meaning)})
	}
	return found, nil
}

// with returns the names as on a command line: --tag IMAGE, -t IMAGE.
func (f flagDoc) with(join string) string {
	var all []string
	for _, n := range f.names {
		all = append(all, dashed(n))
	}
	text := strings.Join(all, join)
	if f.placeholder != "" {
		text += " " + f.placeholder
	}
	return text
}

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// synopsis is the usage line without the program.
func (c commandDoc) synopsis() string { return strings.TrimSpace(c.name + " [flags] " + c.args) }
