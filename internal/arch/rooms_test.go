package arch

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// most is the limit for files of a package, without tests. installer has a file
// for each kind of store.
var most = map[string]int{"": 30, "installer": 36}

// exempt is not limited: it has a file for each command and for each kind of
// output.
const exempt = "internal/command"

// ordered are the packages that are read from top to bottom, with those below them.
var ordered = []string{"installer", "image", "internal/pemfile", "probe", "readers"}

// room is the result of tools/house for a package. tools/house documents each
// count.
type room struct {
	Name               string
	Files              int
	Arrows, Up, Circle int
}

// No package has more files than a reader can survey. In an ordered package fewer
// than one in five arrows between files run up or form a circle.
func TestRooms(t *testing.T) {
	for _, r := range rooms(t) {
		limit := most[r.Name]
		if limit == 0 {
			limit = most[""]
		}
		if r.Files > limit && r.Name != exempt {
			t.Errorf("%s has %d files that are no tests: %d is the most", r.Name, r.Files, limit)
		}
		if !inOrder(r.Name) {
			continue
		}
		if r.Arrows > 0 && 5*max(r.Up, r.Circle) >= r.Arrows {
			t.Errorf("%s: of %d arrows between files %d run up and %d are on a circle: make house PACKAGE=%s", r.Name, r.Arrows, r.Up, r.Circle, r.Name)
		}
	}
}

func inOrder(name string) bool {
	for _, o := range ordered {
		if name == o || strings.HasPrefix(name, o+"/") {
			return true
		}
	}
	return false
}

func rooms(t *testing.T) []room {
	t.Helper()
	cmd := exec.Command("go", "run", "-C", "../../tools/house", ".", "-json", "../..")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tools/house: %v", err)
	}
	var house struct{ Packages []room }
	if err := json.Unmarshal(out, &house); err != nil {
		t.Fatal(err)
	}
	if len(house.Packages) < 10 {
		t.Fatalf("only %d packages are found", len(house.Packages))
	}
	return house.Packages
}
