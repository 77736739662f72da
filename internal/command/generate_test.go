package command

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

var update = flag.Bool("update", false, "write docs/commands.md, docs/certgraft.1 and the completions anew from the command tree")

// What is made from the command tree is what the command tree says.
func TestGenerated(t *testing.T) {
	tree := documented(t)
	for name, made := range map[string]string{
		"../../docs/commands.md":     commandsPage(tree),
		"../../docs/certgraft.1":     manPage(tree),
		"completions/certgraft.bash": bashCompletion(t, tree),
		"completions/certgraft.zsh":  zshCompletion(t, tree),
		"completions/certgraft.fish": fishCompletion(t, tree),
	} {
		if *update {
			if err := os.WriteFile(name, []byte(made), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		there, err := os.ReadFile(name)
		if err != nil || !bytes.Equal(there, []byte(made)) {
			t.Errorf("%s is not what the command tree makes: run go test ./internal/command -run TestGenerated -update", name)
		}
	}
}

// What mandoc finds wrong with the man page is nothing.
func TestManPageIsClean(t *testing.T) {
	if _, err := exec.LookPath("mandoc"); err != nil {
		t.Skip("mandoc is not installed")
	}
	out, err := exec.Command("mandoc", "-T", "lint", "-W", "warning", "../../docs/certgraft.1").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
}

// program is what the pages and completions say of certgraft.
type program struct {
	usage     string
	about     []string // paragraphs
	commands  []commandDoc
	variables [][2]string // name and meaning
}

// commandDoc is what they say of a command.
type commandDoc struct {
	name, usage, args string
	about             []string // paragraphs
	examples          [][2]string
	flags             []flagDoc // by category, then by name
}

// flagDoc is what they say of a flag.
type flagDoc struct {
	names       []string // without dashes, the long one first
	category    string   // without a colon
	placeholder string   // "" for a flag without a value
	usage       string
	defaults    string // as it is written on a command line
	env         []string
	takesFile   bool
	often       bool // may be given more than once
}

// categories are those of flags, in the order of the pages.
var categories = []string{"Target", "Image", "Sources", "Connection", "Download", "Registry", "Output"}

// statuses are the exit statuses and what they mean; see [Run].
var statuses = [][2]string{
	{"0", "done, also when there was nothing to do"},
	{"1", "the work failed; of verify: it could not be told"},
	{"2", "wrong usage"},
	{"3", "the input was refused: no certificate, a private key, a pin, a lock or a policy that it does not meet"},
	{"4", "a source, or a registry, could not be reached"},
	{"5", "verify, diff or lock --check found what it looks for"},
}

// documented reads the command tree.
func documented(t *testing.T) program {
	t.Helper()
	app := newApp(newPrinter(nil, nil, nil, environ{}), commands)
	about, _ := splitDescription(app.Description)
	p := program{usage: app.Usage, about: about, variables: variables(t)}
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
			t.Errorf("%s --%s: the category %q is not among the documented ones", c.Name, d.flags[0].names[0], d.flags[0].category)
		}
		p.commands = append(p.commands, d)
	}
	return p
}

var placeholders = regexp.MustCompile("`([^`]+)`")

func documentedFlag(f cli.Flag) flagDoc {
	doc := f.(cli.DocGenerationFlag)
	d := flagDoc{names: f.Names(), usage: doc.GetUsage(), env: doc.GetEnvVars()}
	if c, ok := f.(cli.CategorizableFlag); ok {
		d.category = strings.TrimSuffix(c.GetCategory(), ":")
	}
	if d.category == "" {
		d.category = "Output" // --help has none
	}
	if s, ok := f.(cli.DocGenerationSliceFlag); ok {
		d.often = s.IsSliceFlag()
	}
	if s, ok := f.(*cli.StringFlag); ok {
		d.takesFile = s.TakesFile
	}
	if s, ok := f.(*cli.StringSliceFlag); ok {
		d.takesFile = s.TakesFile
	}
	if !doc.TakesValue() {
		return d
	}
	d.placeholder, d.defaults = strings.ToUpper(d.names[0]), strings.Trim(doc.GetDefaultText(), `"`)
	if found := placeholders.FindStringSubmatch(d.usage); found != nil {
		d.placeholder = found[1]
	}
	d.usage = placeholders.ReplaceAllString(d.usage, "$1")
	if strings.HasSuffix(d.defaults, "m0s") {
		d.defaults = strings.TrimSuffix(d.defaults, "0s")
	}
	return d
}

var spaces = regexp.MustCompile(`\s{3,}`)

// splitDescription tells the paragraphs of a description from the examples in it, which
// are lines that start with a program; what is behind them, after three spaces,
// says what they are for.
func splitDescription(text string) (paragraphs []string, examples [][2]string) {
	var prose []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if !regexp.MustCompile(`^(certgraft |docker save |eval )`).MatchString(line) {
			prose = append(prose, line)
			continue
		}
		parts := append(spaces.Split(line, 2), "")
		examples = append(examples, [2]string{parts[0], strings.Trim(parts[1], "()")})
	}
	if len(prose) > 0 {
		paragraphs = []string{strings.Join(prose, " ")}
	}
	return paragraphs, examples
}

// variables returns what the comment of [environ] says: it is where every
// variable that is read is named.
func variables(t *testing.T) [][2]string {
	t.Helper()
	source, err := os.ReadFile("environ.go")
	if err != nil {
		t.Fatal(err)
	}
	var found [][2]string
	for _, line := range regexp.MustCompile(`(?m)^//\t(.*)$`).FindAllStringSubmatch(string(source), -1) {
		name, meaning, ok := strings.Cut(line[1], "  ")
		if !ok {
			t.Fatalf("environ.go: %q has no two spaces between names and meaning", line[1])
		}
		found = append(found, [2]string{name, strings.TrimSpace(meaning)})
	}
	return found
}

// Each variable of a flag is among those that are documented.
func TestVariablesAreDocumented(t *testing.T) {
	tree := documented(t)
	for _, c := range tree.commands {
		for _, f := range c.flags {
			for _, name := range f.env {
				if !slices.ContainsFunc(tree.variables, func(v [2]string) bool { return strings.HasPrefix(v[0], name) }) {
					t.Errorf("%s --%s reads %s, which the comment of environ does not name", c.name, f.names[0], name)
				}
			}
		}
	}
}

// with is the names as they stand on a command line: --tag IMAGE, -t IMAGE.
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
