package command

import (
	"testing"
	"testing/fstest"
)

func TestFsync(t *testing.T) {
	const (
		before  = "21 1 0:20 / /proc rw - proc proc rw\n"
		overlay = "30 1 0:31 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/a:/b\n"
		fuse    = "30 1 0:31 / / rw - fuse.fuse-overlayfs fuse-overlayfs rw\n"
		disk    = "28 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
		below   = "40 30 0:40 / /var/lib/docker/x rw - overlay overlay rw\n"
	)
	files := func(table, first string, marks ...string) fstest.MapFS {
		fsys := fstest.MapFS{"proc/self/mountinfo": {Data: []byte(before + table + below)}, "proc/1/comm": {Data: []byte(first + "\n")}}
		for _, mark := range marks {
			fsys[mark] = &fstest.MapFile{}
		}
		return fsys
	}
	live := targetOptions{root: "/", fsync: "auto"}
	for what, c := range map[string]struct {
		system fstest.MapFS
		env    environ
		target targetOptions
		waits  bool
	}{
		"a machine":                          {files(disk, "systemd"), nil, live, true},
		"a machine with another init":        {files(disk, "my-init"), nil, live, true},
		"a machine on an overlay":            {files(overlay, "systemd"), nil, live, true},
		"a disk over the first root":         {files(overlay+disk, "sh"), nil, live, true},
		"an overlay over the first root":     {files(disk+overlay, "sh"), nil, live, false},
		"a chroot without /proc":             {fstest.MapFS{}, nil, live, true},
		"a file of mounts that is no such":   {fstest.MapFS{"proc/self/mountinfo": {Data: []byte("/ - overlay\n - \n")}}, nil, live, true},
		"a step of BuildKit":                 {files(overlay, "sh"), nil, live, false},
		"a step with a small init":           {files(overlay, "docker-init"), nil, live, false},
		"a step without root":                {files(fuse, "sh"), nil, live, false},
		"an overlay, process 1 is not shown": {fstest.MapFS{"proc/self/mountinfo": {Data: []byte(overlay)}}, nil, live, false},
		"Docker":                             {files(disk, "systemd", ".dockerenv"), nil, live, false},
		"Podman":                             {files(disk, "systemd", "run/.containerenv"), nil, live, false},
		"systemd-nspawn":                     {files(disk, "systemd", "run/systemd/container"), nil, live, false},
		"LXC":                                {files(disk, "init"), environ{"container": "lxc"}, live, false},
		"an empty variable":                  {files(disk, "init"), environ{"container": ""}, live, true},
		"another root":                       {files(disk, "systemd"), nil, targetOptions{root: "/mnt", fsync: "auto"}, false},
		"an output":                          {files(disk, "systemd"), nil, targetOptions{root: "/", output: "/out", fsync: "auto"}, false},
		"another root, always":               {files(disk, "systemd"), nil, targetOptions{root: "/mnt", fsync: "always"}, true},
		"a container, always":                {files(overlay, "sh", ".dockerenv"), nil, targetOptions{root: "/", fsync: "always"}, true},
		"a machine, never":                   {files(disk, "systemd"), nil, targetOptions{root: "/", fsync: "never"}, false},
	} {
		if waits := c.target.fsyncs(c.system, c.env); waits != c.waits {
			t.Errorf("%s: waits for the disk: %v", what, waits)
		}
	}
}
