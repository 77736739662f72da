package step

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"strconv"
)

// process names a process of this machine for ever: numbers are used again, and
// another container has its own.
type process struct {
	PID       int    `json:"pid"`
	Start     string `json:"start"`     // as /proc/PID/stat has it
	Namespace string `json:"namespace"` // in which it has the number
	Boot      string `json:"boot"`      // of the machine since when
}

func processOf(pid int) (*process, error) {
	p := &process{pid, startOf(pid), namespace(), boot()}
	if p.Start == "" || p.Namespace == "" || p.Boot == "" {
		return nil, fmt.Errorf("process %d: it does not live, or /proc is not there", pid)
	}
	return p, nil
}

// lives reports whether a process lives. Where that cannot be seen from here, it
// is taken to.
func (p *process) lives() bool {
	switch now := boot(); {
	case now != "" && now != p.Boot:
		return false
	case now == "" || p.Namespace != namespace():
		return true
	}
	return p.Start == startOf(p.PID)
}

// startOf returns when a process started, "" where there is none, or none but its
// name: nobody has waited for it.
func startOf(pid int) string {
	data, err := fs.ReadFile(os.DirFS("/proc"), strconv.Itoa(pid)+"/stat")
	if err != nil {
		return ""
	}
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:]) // behind the name, which may have blanks
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
