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

// imageList are the flags of the commands that do the same with many images.
type imageList struct{ file, shard string }

// flags returns them. Does says what the command does with the images, and line
// what stands on each line of the list.
func (o *imageList) flags(does, line string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "from-file", Category: targetFlags, Usage: does + " in `FILE`, a line for each: " + line, TakesFile: true, Destination: &o.file},
		&cli.StringFlag{Name: "shard", Category: targetFlags, Usage: "with --from-file: take part `I/N` of the list, I from 0 to N-1", EnvVars: []string{"CERTGRAFT_SHARD"}, Destination: &o.shard},
	}
}

// given reports whether there is a list.
func (o *imageList) given() bool { return o.file != "" }

// check refuses a part of no list.
func (o *imageList) check() error {
	if o.shard != "" && !o.given() {
		return hint.Add(usagef("--shard is a part of a list"), "name the list with --from-file FILE, or unset CERTGRAFT_SHARD")
	}
	return nil
}

// readList returns what parse makes of the words on each line, for the lines that
// are this run's. A word of form in brackets may be left out. All of the list is
// read, so that a bad line is found whatever the part.
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

// parseList reads the text of a list. Empty lines and those that start with # are
// ignored, and so is the byte order mark that editors on Windows write.
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

// imageLine has the images on a line of a list.
type imageLine []image.Location

// String returns the names as they stand on the line.
func (l imageLine) String() string {
	var names []string
	for _, at := range l {
		names = append(names, at.String())
	}
	return strings.Join(names, " ")
}

// readImages reads a list in which each line names one image, or more of them.
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

// The words on a line of a list whose images are looked into, as an error and the
// help say it. A list for patch is one, too: it says where the patched images are.
const (
	lookForm = "IMAGE [DESTINATION]"
	lookLine = "IMAGE, or as for patch IMAGE DESTINATION, of which the latter counts"
)

// readLooks reads a list of which each line names the image to look into.
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
