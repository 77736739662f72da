package command

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// hookState is the default directory for the data of the second hook.
const hookState = "/run/certgraft"

// usualState returns the directory of this user. An engine without root runs hooks
// as the root of a user namespace, who cannot write hookState. Hooks get no
// environment that could name another directory, so the kernel is asked for the
// user.
func usualState(files fs.FS, uid int) string {
	data, _ := fs.ReadFile(files, "proc/self/uid_map")
	own := filepath.Join("/run/user", strconv.Itoa(outerUID(string(data), uid)), "certgraft")
	if info, err := fs.Stat(files, strings.TrimPrefix(filepath.Dir(own), "/")); own != "/run/user/0/certgraft" && err == nil && info.IsDir() {
		return own
	}
	return hookState
}

// outerUID returns the number of a user in the parent of the user namespace.
func outerUID(uidMap string, uid int) int {
	for line := range strings.Lines(uidMap) {
		var numbers [3]int // first inside, first outside, count
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
