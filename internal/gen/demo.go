package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// The measures of docs/demo.svg, in units of its view box, and its times, in
// seconds.
const (
	demoColumns = 82
	demoCell    = 8.4 // width of a character
	demoLine    = 19.0
	demoLeft    = 18.0
	demoTop     = 66.0

	demoTyping  = 1.3  // from the caption to the end of a command
	demoAnswer  = 0.35 // from there to the first line of output
	demoStagger = 0.05 // from line to line
	demoReading = 3.2  // time of a scene after its last line has appeared
	demoEach    = 0.11 // additional time for each line
)

// scene is a caption, and commands with their output.
type scene struct {
	says  string
	lines []string
}

// demoFiles makes the animated picture from the record of real runs. TestDemo of
// e2e/roots keeps the record true.
func demoFiles(dir string) (map[string][]byte, error) {
	record, err := os.ReadFile(filepath.Join(dir, "internal/gen/demo.txt"))
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"docs/demo.svg": []byte(demoPicture(scenesOf(string(record))))}, nil
}

// scenesOf parses a record. A caption begins with "# ", a command with "$ ".
func scenesOf(record string) (scenes []scene) {
	for line := range strings.Lines(record) {
		line = strings.TrimSuffix(line, "\n")
		if says, ok := strings.CutPrefix(line, "# "); ok {
			scenes = append(scenes, scene{says: says})
			continue
		}
		last := &scenes[len(scenes)-1]
		last.lines = append(last.lines, line)
	}
	return scenes
}

// demo is a picture in progress.
type demo struct {
	style, body strings.Builder
	length      float64 // of the whole picture, in seconds
	n           int     // number of animations so far
}

// demoPicture draws scenes in a loop. It loads nothing and runs no script: only
// style rules animate it.
func demoPicture(scenes []scene) string {
	d := &demo{}
	rows := 0
	for _, s := range scenes {
		d.length += s.length()
		rows = max(rows, len(s.lines))
	}
	width, height := 2*demoLeft+demoColumns*demoCell, demoTop+float64(rows)*demoLine+6
	at := 0.0
	for i, s := range scenes {
		d.scene(s, at, i == len(scenes)-1)
		d.progress(i, len(scenes), at, s.length(), width)
		at += s.length()
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-labelledby="t">
<title id="t">certgraft on a terminal: verify says why a server is not trusted, install cures it, Debian's own tool changes nothing, patch does the same to an image, remove takes it out</title>
<!-- Made from internal/gen/demo.txt by go run ./internal/gen. Do not edit. -->
<style>
svg { --back: #fbfcfe; --bar: #eef1f6; --edge: #d5dae4; --text: #1b2130; --quiet: #5b6579; --red: #b3243f; --green: #08704f; --yellow: #8a5000; --cyan: #1c5fa8; }
@media (prefers-color-scheme: dark) { svg { --back: #12151c; --bar: #1c222e; --edge: #343c4d; --text: #e5e8ef; --quiet: #98a2b5; --red: #ff7b8d; --green: #4ccba6; --yellow: #f0ae4a; --cyan: #7db7ff; } }
text { fill: var(--text); font: 14px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; }
.s { fill: var(--text); font: 600 15px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
.b { fill: var(--back); } .e { fill: none; stroke: var(--edge); } .h { fill: var(--bar); } .p { fill: var(--edge); } .q { fill: var(--cyan); }
.c { font-weight: 600; } .m { fill: var(--quiet); } .red { fill: var(--red); font-weight: 600; } .green { fill: var(--green); } .yellow { fill: var(--yellow); font-weight: 600; } .cyan { fill: var(--cyan); }
.v { visibility: hidden; animation: %.2fs step-end infinite; } .z { visibility: visible; } .t { animation: %.2fs linear infinite; transform: scaleX(0); }
%s@media (prefers-reduced-motion: reduce) { .v, .t { animation: none; } }
</style>
<rect class="b" width="100%%" height="100%%" rx="10"/>
<path class="h" d="M0 42V10A10 10 0 0 1 10 0H%.0fA10 10 0 0 1 %.0f 10V42Z"/>
%s<rect class="e" x=".5" y=".5" width="%.0f" height="%.0f" rx="10"/>
</svg>
`, width, height, width, height, d.length, d.length, d.style.String(), width-10, width, d.body.String(), width-1, height-1)
}

// length is the time of a scene.
func (s scene) length() float64 {
	typed := 0
	for _, line := range s.lines {
		if strings.HasPrefix(line, "$ ") {
			typed++
		}
	}
	return float64(typed)*(demoTyping+demoAnswer) + float64(len(s.lines))*(demoStagger+demoEach) + demoReading
}

// scene draws a scene that begins at from. If still is set, the scene is shown
// where animations are off.
func (d *demo) scene(s scene, from float64, still bool) {
	until, at := from+s.length(), from
	d.text(fmt.Sprintf(`class="s v%s"`, stillClass(still)), demoLeft, 27, escaped(s.says), 0, at, until)
	y := demoTop
	for _, line := range s.lines {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			d.text(fmt.Sprintf(`class="c v%s"`, stillClass(still)), demoLeft, y, `<tspan class="m">$ </tspan>`+escaped(command), utf8.RuneCountInString(line), at, until)
			d.cover(y, utf8.RuneCountInString(command), at, at+demoTyping)
			at += demoTyping + demoAnswer
		} else {
			shown, columns := coloured(line)
			d.text(fmt.Sprintf(`class="v%s"`, stillClass(still)), demoLeft, y, shown, columns, at, until)
			at += demoStagger
		}
		y += demoLine
	}
}

func stillClass(still bool) string {
	if still {
		return " z"
	}
	return ""
}

// text draws a line that is visible from from until until. With columns it has
// exactly that width in every font.
func (d *demo) text(class string, x, y float64, markup string, columns int, from, until float64) {
	if columns == 0 && markup == "" {
		return
	}
	wide := ""
	if columns > 0 {
		wide = fmt.Sprintf(` textLength="%.1f" lengthAdjust="spacingAndGlyphs"`, float64(columns)*demoCell)
	}
	fmt.Fprintf(&d.body, "<text %s id=\"k%d\" x=\"%.0f\" y=\"%.0f\"%s>%s</text>\n", class, d.n, x, y, wide, markup)
	fmt.Fprintf(&d.style, "#k%d { animation-name: k%d; } @keyframes k%d { ", d.n, d.n, d.n)
	if from > 0 {
		d.style.WriteString("0% { visibility: hidden; } ")
	}
	fmt.Fprintf(&d.style, "%s { visibility: visible; } %s { visibility: hidden; } }\n", d.percent(from), d.percent(until))
	d.n++
}

// cover draws a rectangle over a command. It moves away as the command is typed.
func (d *demo) cover(y float64, columns int, from, until float64) {
	wide := float64(columns) * demoCell
	fmt.Fprintf(&d.body, "<rect class=\"b t\" id=\"k%d\" x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"%.0f\"/>\n", d.n, demoLeft+2*demoCell, y-14, wide, demoLine)
	fmt.Fprintf(&d.style, "#k%d { transform-origin: %.1fpx 0; animation-name: k%d; } @keyframes k%d { 0%% { transform: scaleX(0); animation-timing-function: step-end; } %s { transform: scaleX(1); animation-timing-function: steps(%d); } %s, 100%% { transform: scaleX(0); } }\n",
		d.n, demoLeft+2*demoCell+wide, d.n, d.n, d.percent(from+.001), columns, d.percent(until))
	d.n++
}

// progress draws the piece of the progress bar for one scene.
func (d *demo) progress(i, n int, from, length, width float64) {
	piece := (width - 2*demoLeft) / float64(n)
	x, wide := demoLeft+float64(i)*piece, piece-6
	fmt.Fprintf(&d.body, "<rect class=\"p\" x=\"%.1f\" y=\"36\" width=\"%.1f\" height=\"3\" rx=\"1.5\"/><rect class=\"q t\" id=\"k%d\" x=\"%.1f\" y=\"36\" width=\"%.1f\" height=\"3\" rx=\"1.5\"/>\n", x, wide, d.n, x, wide)
	fmt.Fprintf(&d.style, "#k%d { transform-origin: %.1fpx 0; animation-name: k%d; } @keyframes k%d { 0%%, %s { transform: scaleX(0); } %s, 100%% { transform: scaleX(1); } }\n",
		d.n, x, d.n, d.n, d.percent(from), d.percent(from+length))
	d.n++
}

func (d *demo) percent(at float64) string { return fmt.Sprintf("%.2f%%", 100*at/d.length) }

// demoColours are the classes for the colours of the program's output.
var demoColours = map[string]string{"31;1": "red", "32": "green", "33;1": "yellow", "36": "cyan"}

// coloured returns a line of output with its colours, and its width in columns.
func coloured(line string) (markup string, columns int) {
	var b strings.Builder
	open := false
	for i, part := range strings.Split(line, "^[[") {
		if i > 0 {
			sgr, rest, _ := strings.Cut(part, "m")
			part = rest
			if open {
				b.WriteString("</tspan>")
			}
			if open = demoColours[sgr] != ""; open {
				b.WriteString(`<tspan class="` + demoColours[sgr] + `">`)
			}
		}
		columns += utf8.RuneCountInString(part)
		b.WriteString(escaped(part))
	}
	return b.String(), columns
}

func escaped(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}
