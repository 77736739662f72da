package command

import (
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/command/words"
	"github.com/certgraft/certgraft/internal/hint"
)

// listFlags are those of the commands that take a list of images.
func (o *patchPlace) listFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "from-file", Category: targetFlags, Usage: "patch the images in `FILE`, a line for each: IMAGE and where to write it", TakesFile: true, Destination: &o.fromFile},
		&cli.StringFlag{Name: "shard", Category: targetFlags, Usage: "with --from-file: patch part `I/N` of the list, I from 0 to N-1", EnvVars: []string{"CERTGRAFT_SHARD"}, Destination: &o.shard},
	}
}

// list returns the images of the list that are this run's to patch. All of the
// list is read, so that a bad line is found whatever the part.
func (o *patchPlace) list(p *printer, l *image.Locations) ([]patchJob, error) {
	part, err := parseShard(o.shard)
	if err != nil {
		return nil, err
	}
	all, err := readJobs(l, o.fromFile)
	if err != nil {
		return nil, err
	}
	jobs := part.of(all)
	if part.count > 0 {
		p.note(fmt.Sprintf("part %s of %s: %d of %s", o.shard, o.fromFile, len(jobs), words.Plural(len(all), "image")))
	}
	return jobs, nil
}

// readJobs reads a list of images. Empty lines and those that start with # are
// ignored.
func readJobs(l *image.Locations, file string) ([]patchJob, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--from-file: %w", err)
	}
	var jobs []patchJob
	for n, line := range strings.Split(string(data), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 2 {
			return nil, hint.Add(usagef("%s:%d: it has %s", file, n+1, words.Plural(len(fields), "word")), "write IMAGE DESTINATION")
		}
		from, err := l.Parse(fields[0])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, n+1, err)
		}
		to, err := parseAll(l, fields[1:])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, n+1, err)
		}
		if from.IsStream() || to[0].IsStream() {
			return nil, usagef("%s:%d: - is not for lists", file, n+1)
		}
		jobs = append(jobs, patchJob{from: from, to: to})
	}
	if len(jobs) == 0 {
		return nil, usagef("%s names no image", file)
	}
	return jobs, nil
}
