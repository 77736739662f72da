package command

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image"
)

// The parts of a list are disjoint, cover the list, keep its order, and differ by
// at most one image, for every number of parts.
func TestShardsComeToTheList(t *testing.T) {
	for images := range 12 {
		var all []patchJob
		for i := range images {
			from, err := (&image.Locations{}).Parse(fmt.Sprintf("oci:img:%d", i))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, patchJob{from: from})
		}
		for count := 1; count < 15; count++ {
			in := map[string]int{} // image → the parts that it is in
			for index := range count {
				part, err := parseShard(fmt.Sprintf("%d/%d", index, count))
				if err != nil {
					t.Fatal(err)
				}
				jobs := shardOf(part, all)
				if least := images / count; len(jobs) < least || len(jobs) > least+1 {
					t.Errorf("part %d/%d of %d has %d images", index, count, images, len(jobs))
				}
				for _, job := range jobs {
					in[job.from.String()]++
				}
				if !slices.IsSortedFunc(jobs, func(a, b patchJob) int { return position(all, a) - position(all, b) }) {
					t.Errorf("part %d/%d of %d is out of order", index, count, images)
				}
			}
			for _, job := range all {
				if in[job.from.String()] != 1 {
					t.Errorf("of %d images in %d parts, %s is in %d", images, count, job.from, in[job.from.String()])
				}
			}
			if len(in) != images {
				t.Errorf("%d parts have %d images, want %d", count, len(in), images)
			}
		}
	}
}

func position(all []patchJob, job patchJob) int {
	return slices.IndexFunc(all, func(other patchJob) bool { return other.from.String() == job.from.String() })
}

// A further comment or empty line moves no image to another part.
func TestShardsCountImagesNotLines(t *testing.T) {
	var parts []string
	for _, between := range []string{"", "# a comment\n\n"} {
		name := filepath.Join(t.TempDir(), "list")
		if err := os.WriteFile(name, []byte("oci:a:1 oci:b:1\n"+between+"oci:a:2 oci:b:2\noci:a:3 oci:b:3\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		o := imageList{file: name, shard: "1/2"}
		jobs, err := readImages(t.Context(), newPrinter(nil, io.Discard, io.Discard, nil), &o, &image.Locations{}, "A B")
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, job := range jobs {
			names = append(names, job[0].String())
		}
		parts = append(parts, strings.Join(names, " "))
	}
	if parts[0] != "oci:a:2" || parts[0] != parts[1] {
		t.Errorf("part 1/2 is %q, and %q with a comment before it", parts[0], parts[1])
	}
}
