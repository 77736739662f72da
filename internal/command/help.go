package command

import (
	"cmp"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/internal/command/words"
	"github.com/certgraft/certgraft/internal/order"
)

// helpColumns is the width of the help; helpTab is the start of the second column.
const (
	helpColumns = 80
	helpTab     = 26
)

// Categories are the headings of the flags, in the order of help and of the pages.
func Categories() []string {
	return []string{targetFlags, imageFlags, sourceFlags, connectFlags, downloadFlags, registryFlags, outputFlags}
}

// helpWanted returns the help that args ask for, in the order that [permute]
// gives. With --help before or after the name of a command it is the help of that
// command, else the help of the program.
func helpWanted(app *cli.App, args []string) (write func(io.Writer), wanted bool) {
	at := slices.IndexFunc(args, asksForHelp)
	if len(args) > 1 && at != 1 && (at != 2 || len(args) != 3) {
		return nil, false
	}
	for _, name := range args[min(1, len(args)):] {
		if c := app.Command(name); c != nil {
			return func(w io.Writer) { commandHelp(w, c) }, true
		}
	}
	return func(w io.Writer) { appHelp(w, app) }, at < 2
}

func appHelp(w io.Writer, app *cli.App) {
	writeLines(w, words.Wrap("certgraft - "+app.Usage, helpColumns, ""))
	writeLines(w, []string{"", "Usage: certgraft COMMAND [flags] [arguments]"})
	aboutHelp(w, app.Description)
	writeLines(w, []string{"", "Commands:"})
	for _, c := range app.Commands {
		entry(w, c.Name, c.Usage, 14)
	}
	writeLines(w, []string{"", "Flags:"})
	entry(w, "--help, -h", "show help; certgraft COMMAND --help shows that of a command", helpTab)
	entry(w, "--version, -v", "print the version", helpTab)
}

func commandHelp(w io.Writer, c *cli.Command) {
	writeLines(w, words.Wrap("certgraft "+c.Name+" - "+c.Usage, helpColumns, "  "))
	writeLines(w, append([]string{""}, words.Wrap(strings.TrimSpace("Usage: certgraft "+c.Name+" [flags] "+c.ArgsUsage), helpColumns, "  ")...))
	aboutHelp(w, c.Description)
	flags := slices.Clone(c.Flags)
	if !slices.Contains(flags, cli.HelpFlag) {
		flags = append(flags, cli.HelpFlag)
	}
	order.Sort(flags, func(a, b cli.Flag) int { return cmp.Compare(a.Names()[0], b.Names()[0]) })
	for _, category := range Categories() {
		heading := []string{"", category}
		for _, f := range flags {
			if CategoryOf(f) == category {
				writeLines(w, heading)
				heading = nil
				name, usage := flagHelp(f)
				entry(w, name, usage, helpTab)
			}
		}
	}
}

// aboutHelp writes the prose of a description, and its examples below.
func aboutHelp(w io.Writer, text string) {
	prose, examples := SplitDescription(text)
	if prose != "" {
		writeLines(w, append([]string{""}, words.Wrap(prose, helpColumns, "")...))
	}
	if len(examples) > 0 {
		writeLines(w, []string{""})
	}
	for _, e := range examples {
		writeLines(w, exampleHelp(e))
	}
}

// exampleHelp returns the lines of an example. A long example continues after a
// backslash, and its meaning has a line of its own.
func exampleHelp(example string) []string {
	if len(example) <= helpColumns-2 {
		return []string{"  " + example}
	}
	command, meaning, _ := strings.Cut(example, "   ")
	all := words.Wrap(command, helpColumns-4, "  ")
	for i := range all {
		all[i] = "  " + all[i]
		if i < len(all)-1 {
			all[i] += ` \`
		}
	}
	if meaning != "" {
		all = append(all, "      "+strings.TrimSpace(meaning))
	}
	return all
}

// SplitDescription separates the prose of a command's description from its
// examples. An example is a line that starts with a program.
func SplitDescription(text string) (prose string, examples []string) {
	var sentences []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "certgraft ") || strings.HasPrefix(line, "docker save ") || strings.HasPrefix(line, "eval ") {
			examples = append(examples, line)
			continue
		}
		sentences = append(sentences, line)
	}
	return strings.Join(sentences, " "), examples
}

// CategoryOf returns the heading of a flag.
func CategoryOf(f cli.Flag) string {
	if c, ok := f.(cli.CategorizableFlag); ok && c.GetCategory() != "" {
		return c.GetCategory()
	}
	return outputFlags // --help has no category
}

// Placeholder returns the placeholder for the value of a flag, or "", and the
// usage without the quotes around the placeholder.
func Placeholder(f cli.DocGenerationFlag) (placeholder, usage string) {
	usage = f.GetUsage()
	if !f.TakesValue() {
		return "", usage
	}
	before, rest, quoted := strings.Cut(usage, "`")
	if !quoted {
		return strings.ToUpper(f.Names()[0]), usage
	}
	placeholder, after, _ := strings.Cut(rest, "`")
	return placeholder, before + placeholder + after
}

// flagHelp returns the two columns of a flag: its names with the placeholder, and
// its usage.
func flagHelp(f cli.Flag) (name, usage string) {
	doc := f.(cli.DocGenerationFlag)
	value, usage := Placeholder(doc)
	var names []string
	for _, n := range f.Names() {
		dashes := "--"
		if len(n) == 1 {
			dashes = "-"
		}
		names = append(names, dashes+n)
	}
	if value != "" {
		names[len(names)-1] += " " + value
		if text := strings.Trim(doc.GetDefaultText(), `"`); text != "" {
			usage += " (default: " + strings.TrimSuffix(text, "m0s") + minutes(text) + ")"
		}
	}
	for _, name := range doc.GetEnvVars() {
		usage += " [$" + name + "]"
	}
	return strings.Join(names, ", "), usage
}

// minutes shortens a duration of whole minutes.
func minutes(text string) string {
	if strings.HasSuffix(text, "m0s") {
		return "m"
	}
	return ""
}

// entry writes a name and its meaning in two columns. The second column begins at
// tab.
func entry(w io.Writer, name, meaning string, tab int) {
	first := "  " + name
	wrapped := words.Wrap(meaning, helpColumns-tab, "")
	if len(first) > tab-2 {
		writeLines(w, []string{first})
		first = ""
	}
	for _, line := range wrapped {
		writeLines(w, []string{first + strings.Repeat(" ", tab-len(first)) + line})
		first = ""
	}
}

func writeLines(w io.Writer, all []string) {
	for _, line := range all {
		_, _ = io.WriteString(w, line+"\n") // w is a buffer
	}
}
