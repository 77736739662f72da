package command_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docLine is a command line of the documentation that calls certgraft.
type docLine struct {
	at     string // FILE:LINE
	block  int    // the lines of a block run one after another, in one place
	text   string // for a shell
	output []string
	inline bool // within a sentence: the line has placeholders and does not run
}

// docFiles are the pages whose command lines are tested.
func docFiles(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	return append([]string{"../../README.md", "../../SECURITY.md", "../../CONTRIBUTING.md", "../../Dockerfile.example"}, pages...)
}

var (
	inlineCode = regexp.MustCompile("`(certgraft [^`]+)`")
	// callsCertgraft finds the places at which a shell would start the program.
	callsCertgraft = regexp.MustCompile(`(?:^|[|;&(]\s*|\s-- |\bdo |\bthen |\bsudo |=\$\()/?certgraft ([a-z-][^|;&)>]*)`)
)

// docLines returns the command lines of a page.
func docLines(t *testing.T, file string) []docLine {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := docReader{t: t, lines: strings.Split(string(data), "\n"), file: strings.TrimPrefix(file, "../../")}
	if strings.HasPrefix(filepath.Base(file), "Dockerfile") {
		d.block("dockerfile", len(d.lines))
		return d.found
	}
	for d.at < len(d.lines) {
		line := d.lines[d.at]
		if lang, ok := strings.CutPrefix(strings.TrimSpace(line), "```"); ok {
			d.at++
			end := d.at
			for end < len(d.lines) && !strings.HasPrefix(strings.TrimSpace(d.lines[end]), "```") {
				end++
			}
			d.block(lang, end)
			d.at = end + 1
			continue
		}
		line = inImage.ReplaceAllString(line, "certgraft ")
		for _, code := range inlineCode.FindAllStringSubmatch(line, -1) {
			d.add(docLine{text: strings.ReplaceAll(code[1], `\|`, "|"), inline: true}, d.at)
		}
		d.at++
	}
	return d.found
}

// docReader reads a page.
type docReader struct {
	t     *testing.T
	file  string
	lines []string
	at    int // index of the next line
	n     int // blocks so far
	found []docLine
}

func (d *docReader) add(l docLine, at int) {
	l.at, l.block = d.file+":"+itoa(at+1), d.n
	d.found = append(d.found, l)
}

// block reads the lines of a code block up to end, in the language lang.
func (d *docReader) block(lang string, end int) {
	d.n++
	for d.at < end {
		begin := d.at
		line := d.logical(end)
		switch lang {
		case "sh":
			d.shell(line, begin, nil)
		case "console":
			command, ok := strings.CutPrefix(line, "$ ")
			if !ok {
				continue
			}
			var output []string
			for d.at < end && !strings.HasPrefix(d.lines[d.at], "$ ") {
				output = append(output, d.lines[d.at])
				d.at++
			}
			d.shell(command, begin, output)
		case "dockerfile":
			d.dockerfile(line, begin)
		case "yaml", "hcl":
			d.recipe(line, begin)
		case "", "json", "text":
		case "go", "js", "python", "java", "ruby", "php", "erlang", "gleam", "elixir": // programs: make e2e runs some of them
		default:
			d.t.Errorf("%s:%d: a block of %q: say what a test does with it", d.file, begin, lang)
		}
	}
}

// logical returns a line joined with its continuation lines.
func (d *docReader) logical(end int) string {
	line := d.lines[d.at]
	d.at++
	for strings.HasSuffix(line, `\`) && d.at < end {
		line = strings.TrimSuffix(line, `\`) + " " + strings.TrimSpace(d.lines[d.at])
		d.at++
	}
	return line
}

// inImage matches the command by which an engine runs certgraft's own image, up to
// the arguments.
var inImage = regexp.MustCompile(`docker run (--?[a-z]\S* (\S+:\S+ )?)*ghcr\.io/certgraft/certgraft[@:]\S+ `)

func (d *docReader) shell(line string, at int, output []string) {
	line = inImage.ReplaceAllString(line, "docker run -- certgraft ")
	if callsCertgraft.MatchString(strings.TrimSpace(line)) {
		d.add(docLine{text: strings.TrimSpace(line), output: output}, at)
	}
}

var (
	mounts    = regexp.MustCompile(`^\s*RUN\s+(--\S+\s+)*`)
	recipeKey = regexp.MustCompile(`^\s*(- )?((run|command|args|entrypoint):\s*)?(\|\s*)?(- )?`)
	execForm  = regexp.MustCompile(`^\[\s*"/?certgraft"`)
)

// dockerfile reads an instruction.
func (d *docReader) dockerfile(line string, at int) {
	if command := mounts.ReplaceAllString(line, ""); command != line {
		d.command(command, at)
	}
}

// recipe reads a line of a pipeline's definition. The arguments may be apart from
// the program.
func (d *docReader) recipe(line string, at int) {
	if strings.Contains(line, `args: [`) && strings.Contains(d.lines[at-1], `command: ["/certgraft"]`) {
		line = strings.Replace(line, "args: [", `["certgraft", `, 1)
	}
	d.command(recipeKey.ReplaceAllString(line, ""), at)
}

// command reads a command in the syntax of a shell or of exec.
func (d *docReader) command(text string, at int) {
	text = strings.TrimSpace(text)
	if !execForm.MatchString(text) {
		d.shell(strings.Trim(text, `'`), at, nil)
		return
	}
	var args []string
	if err := json.Unmarshal([]byte(text), &args); err != nil {
		d.t.Errorf("%s:%d: %v", d.file, at+1, err)
		return
	}
	for i, a := range args {
		if strings.ContainsAny(a, " $&|;<>*#") {
			args[i] = "'" + a + "'"
		}
	}
	d.shell("certgraft "+strings.Join(args[1:], " "), at, nil)
}

// words splits a command line as a shell does, as far as the documentation needs.
func words(text string) []string {
	var all []string
	var word strings.Builder
	var quote rune
	begun := false
	for _, r := range text {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, begun = r, true
		case r == '#' && !begun:
			return all
		case r == ' ' || r == '\t' || r == '\n':
			if begun {
				all = append(all, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if begun {
		all = append(all, word.String())
	}
	return all
}
