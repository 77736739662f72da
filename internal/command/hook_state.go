package command

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// hookState is the usual directory of what the second hook needs.
const hookState = "/run/certgraft"

// usualState returns the directory of this user: an engine without root runs hooks
// as the root of a user namespace, to whom hookState is closed. Hooks get no
// environment that could name another, so the kernel says whose it is.
func usualState(files fs.FS, uid int) string {
	data, _ := fs.ReadFile(files, "proc/self/uid_map")
	own := filepath.Join("/run/user", strconv.Itoa(outerUID(string(data), uid)), "certgraft")
	if info, err := fs.Stat(files, strings.TrimPrefix(filepath.Dir(own), "/")); own != "/run/user/0/certgraft" && err == nil && info.IsDir() {
		return own
	}
	return hookState
}

// outerUID returns how the parent of the user namespace numbers a user.
func outerUID(uidMap string, uid int) int {
	for line := range strings.Lines(uidMap) {
		var numbers [3]int // the first inside, the first outside, how many
		fields := strings.Fields(line)
		for i := range min(len(fields), len(numbers)) {
			numbers[i], _ = strconv.Atoi(fields[i])
		}
		if at := uid - numbers[0]; at >= 0 && at < numbers[2] {
			return numbers[1] + at
		}
	}
	return uid
}

func ownState() string { return usualState(os.DirFS("/"), os.Geteuid()) }
