package main

import (
	"fmt"
	"strings"
)

// commandsPage makes docs/commands.md.
func commandsPage(p program) string {
	var b strings.Builder
	b.WriteString("<!-- Made from the command tree by go run ./internal/gen. Do not edit. -->\n# Commands\n\n")
	fmt.Fprintf(&b, "certgraft: %s. `certgraft COMMAND --help` says the same as this page; [certgraft.1](certgraft.1) is it as a man page.\n\n", p.usage)
	for _, text := range p.about {
		b.WriteString(cell(text) + "\n\n")
	}
	b.WriteString("Flags may stand before or after arguments; `--` ends them. `--flag=VALUE` is the same as `--flag VALUE`.\n\n| command | does |\n| --- | --- |\n")
	for _, c := range p.commands {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", cell(strings.TrimSpace(c.name+" "+c.args)), c.name, cell(c.usage))
	}
	for _, c := range p.commands {
		c.page(&b)
	}
	b.WriteString("\n## Exit status\n\n| status | means |\n| --- | --- |\n")
	for _, s := range statuses {
		fmt.Fprintf(&b, "| %s | %s |\n", s[0], s[1])
	}
	b.WriteString("\nWhen more than one applies: 2 over 3 over 4 over 5 over 1. The status of `certgraft run` is that of its command.\n")
	b.WriteString("\n## Environment\n\n| variable | is |\n| --- | --- |\n")
	for _, v := range p.variables {
		fmt.Fprintf(&b, "| `%s` | %s |\n", strings.ReplaceAll(v[0], ", ", "`, `"), cell(v[1]))
	}
	b.WriteString("\n## Completion\n\n```sh\nsource <(certgraft completion bash)\n" +
		"certgraft completion bash > ~/.local/share/bash-completion/completions/certgraft\n" +
		"certgraft completion zsh > ~/.zfunc/_certgraft\n" +
		"certgraft completion fish > ~/.config/fish/completions/certgraft.fish\n```\n\n" +
		"The scripts know every command, flag, value and catalogue id; they start no program. For zsh `~/.zfunc` has to be in `fpath`, before `compinit`.\n")
	return b.String()
}

func (c commandDoc) page(b *strings.Builder) {
	fmt.Fprintf(b, "\n## `%s`\n\n%s.\n\n", c.name, strings.ToUpper(c.usage[:1])+c.usage[1:])
	fmt.Fprintf(b, "    certgraft %s\n", c.synopsis())
	for _, text := range c.about {
		fmt.Fprintf(b, "\n%s\n", text)
	}
	if len(c.examples) > 0 {
		b.WriteString("\n```sh\n")
		for _, e := range c.examples {
			b.WriteString(strings.TrimSuffix(fmt.Sprintf("%s  # %s", e[0], e[1]), "  # ") + "\n")
		}
		b.WriteString("```\n")
	}
	category := ""
	for _, f := range c.flags {
		if f.category != category {
			category = f.category
			fmt.Fprintf(b, "\n| %s | default | |\n| --- | --- | --- |\n", strings.TrimSuffix(category, ":"))
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", cell(f.with("`, `")), code(f.defaults), cell(f.usage)+f.remarks("`"))
	}
}

// remarks are the remarks on a flag after its usage.
func (f flagDoc) remarks(quote string) string {
	var text strings.Builder
	if f.often && !strings.Contains(f.usage, "often") {
		text.WriteString("; may be given often")
	}
	for _, name := range f.env {
		text.WriteString("; also " + quote + name + quote)
	}
	return text.String()
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}

// cell escapes text for a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
