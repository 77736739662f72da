package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/command/words"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/input"
)

// imageList are the flags of the commands that work on a list of images.
type imageList struct{ file, shard string }

// flags returns the flags. Does says what the command does with the images, and
// line what a line of the list holds.
func (o *imageList) flags(does, line string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "from-file", Category: targetFlags, Usage: does + " in `FILE`, a line for each: " + line, TakesFile: true, Destination: &o.file},
		&cli.StringFlag{Name: "shard", Category: targetFlags, Usage: "with --from-file: take part `I/N` of the list, I from 0 to N-1", EnvVars: []string{"CERTGRAFT_SHARD"}, Destination: &o.shard},
	}
}

// given reports whether there is a list.
func (o *imageList) given() bool { return o.file != "" }

// check refuses a shard without a list.
func (o *imageList) check() error {
	if o.shard != "" && !o.given() {
		return hint.Add(usagef("--shard is a part of a list"), "name the list with --from-file FILE, or unset CERTGRAFT_SHARD")
	}
	return nil
}

// readList parses each line of the list that belongs to the shard of this run.
// Form shows the words of a line; a word in brackets is optional. The whole list
// is parsed, so that each run finds a bad line.
func readList[T any](ctx context.Context, p *printer, o *imageList, form string, parse func(line int, words []string) (T, error)) ([]T, error) {
	part, err := parseShard(o.shard)
	if err != nil {
		return nil, err
	}
	data, err := input.ReadFile(ctx, o.file)
	if err != nil {
		return nil, fmt.Errorf("--from-file: %w", err)
	}
	all, err := parseList(o.file, string(data), form, parse)
	if err != nil {
		return nil, err
	}
	mine := shardOf(part, all)
	if part.count > 0 {
		p.note(fmt.Sprintf("part %s of %s: %d of %s", o.shard, o.file, len(mine), words.Plural(len(all), "image")))
	}
	return mine, nil
}

// parseList reads the text of a list. It ignores empty lines, lines that start
// with #, and the byte order mark that editors on Windows write.
func parseList[T any](file, text, form string, parse func(line int, words []string) (T, error)) ([]T, error) {
	most := len(strings.Fields(form))
	least := most - strings.Count(form, "[")
	var all []T
	for n, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) < least || len(fields) > most {
			return nil, hint.Add(usagef("%s:%d: it has %s", file, n+1, words.Plural(len(fields), "word")), "write "+form)
		}
		one, err := parse(n+1, fields)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, n+1, err)
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		return nil, usagef("%s names no image", file)
	}
	return all, nil
}

// imageLine is the images on a line of a list.
type imageLine []image.Location

// String returns the names as the line has them.
func (l imageLine) String() string {
	var names []string
	for _, at := range l {
		names = append(names, at.String())
	}
	return strings.Join(names, " ")
}

// readImages reads a list in which each line names one or more images.
func readImages(ctx context.Context, p *printer, o *imageList, l *image.Locations, form string) ([]imageLine, error) {
	return readList(ctx, p, o, form, func(_ int, words []string) (all imageLine, err error) {
		for _, text := range words {
			at, err := parseListed(l, text)
			if err != nil {
				return nil, err
			}
			all = append(all, at)
		}
		return all, nil
	})
}

// The form of a line in a list of images to read, for errors and help. A list for
// patch is accepted too: its further words say where the patched images go.
const (
	lookForm = "IMAGE [DESTINATION]"
	lookLine = "IMAGE, or as for patch IMAGE DESTINATION, of which the latter counts"
)

// readLooks reads a list in which each line names an image to look into.
func readLooks(ctx context.Context, p *printer, o *imageList, l *image.Locations) ([]image.Location, error) {
	lines, err := readImages(ctx, p, o, l, lookForm)
	var all []image.Location
	for _, line := range lines {
		all = append(all, line[len(line)-1])
	}
	return all, err
}

// parseListed reads the name of an image in a list.
func parseListed(l *image.Locations, text string) (image.Location, error) {
	at, err := l.Parse(text)
	if err == nil && at.IsStream() {
		err = usagef("- is not for lists")
	}
	return at, err
}
