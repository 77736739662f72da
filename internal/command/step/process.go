package step

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"strconv"
)

// process identifies a process of this machine for ever. A number alone does not:
// the kernel reuses numbers, and each container has its own.
type process struct {
	PID       int    `json:"pid"`
	Start     string `json:"start"`     // from /proc/PID/stat
	Namespace string `json:"namespace"` // the PID namespace of the number
	Boot      string `json:"boot"`      // the boot of the machine
}

func processOf(pid int) (*process, error) {
	p := &process{pid, startOf(pid), namespace(), boot()}
	if p.Start == "" || p.Namespace == "" || p.Boot == "" {
		return nil, fmt.Errorf("process %d: it does not live, or /proc is not there", pid)
	}
	return p, nil
}

// lives reports whether a process lives. A process that cannot be seen from here
// counts as alive.
func (p *process) lives() bool {
	switch now := boot(); {
	case now != "" && now != p.Boot:
		return false
	case now == "" || p.Namespace != namespace():
		return true
	}
	return p.Start == startOf(p.PID)
}

// startOf returns the start time of a process. It returns "" if the process does
// not exist, or is a zombie that its parent has not awaited.
func startOf(pid int) string {
	data, err := fs.ReadFile(os.DirFS("/proc"), strconv.Itoa(pid)+"/stat")
	if err != nil {
		return ""
	}
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:]) // after the name, which may hold blanks
	if len(fields) < 20 || string(fields[0]) == "Z" {
		return ""
	}
	return string(fields[19])
}

func namespace() string {
	name, _ := os.Readlink("/proc/self/ns/pid")
	return name
}

func boot() string {
	data, _ := fs.ReadFile(os.DirFS("/proc/sys/kernel/random"), "boot_id")
	return string(bytes.TrimSpace(data))
}
