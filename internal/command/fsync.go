package command

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// fsyncModes say whether a commit waits for the disk.
var fsyncModes = choices[string]{{"auto", "auto"}, {"always", "always"}, {"never", "never"}}

// fsyncFlag says whether a command waits for the disk.
func fsyncFlag(to *string) cli.Flag {
	return wordFlag{&cli.StringFlag{Name: "fsync", Category: targetFlags, Usage: "survive a power failure, not only kill -9: auto (on / outside a container), always or never", Value: "auto", Destination: to}, fsyncModes.words(), false}
}

// fsyncs reports whether the commit waits for the disk. In mode auto it waits only
// if a machine boots from the root. An image or a container that a power failure
// damages can be made again.
func (o *targetOptions) fsyncs(system fs.FS, env environ) bool {
	if o.fsync != "auto" {
		return o.fsync == "always"
	}
	return o.live() && !inContainer(system, env)
}

// containerMarks are files that engines create in a container.
var containerMarks = []string{
	".dockerenv",            // Docker
	"run/.containerenv",     // Podman, Buildah
	"run/systemd/container", // systemd writes it into the containers that it starts
}

// inContainer reports whether this process runs in a container. The variable
// container is set by systemd, LXC and Podman:
// https://systemd.io/CONTAINER_INTERFACE/.
func inContainer(system fs.FS, env environ) bool {
	if env["container"] != "" {
		return true
	}
	for _, mark := range containerMarks {
		if _, err := fs.Stat(system, mark); err == nil {
			return true
		}
	}
	return onOverlay(system) && !booted(system) // BuildKit and containerd leave no mark
}

// onOverlay reports whether the root is an overlay. The roots of containers are,
// and the roots of machines that start from a read-only image. See
// proc_pid_mountinfo(5).
func onOverlay(system fs.FS) bool {
	table, err := fs.ReadFile(system, "proc/self/mountinfo")
	if err != nil {
		return false
	}
	kind := ""
	for line := range strings.Lines(string(table)) {
		mount, device, ok := strings.Cut(line, " - ")
		fields, of := strings.Fields(mount), strings.Fields(device)
		if ok && len(fields) > 4 && fields[4] == "/" && len(of) > 0 {
			kind = of[0] // the last mount covers the earlier ones
		}
	}
	return kind == "overlay" || kind == "fuse.fuse-overlayfs"
}

// inits are the programs that a machine starts first, by their names in the
// kernel. A container that runs one of them waits for the disk without need, which
// costs a moment.
var inits = []string{"systemd", "init", "openrc-init", "runit", "runit-init", "s6-svscan", "dinit", "finit"}

// booted reports whether process 1 is one of inits.
func booted(system fs.FS) bool {
	name, err := fs.ReadFile(system, "proc/1/comm")
	return err == nil && slices.Contains(inits, strings.TrimSpace(string(name)))
}
