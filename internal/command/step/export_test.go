package step

import (
	"time"

	"golang.org/x/sys/unix"
)

func look(root, name string) (st *status) {
	_ = in(root, func(t tree) error { st = t.look(name); return nil })
	return st
}

func setTimes(root, name string, times *status) error {
	return in(root, func(t tree) error { return t.setTimes(name, times) })
}

func overwrite(root, name string, data []byte) error {
	return in(root, func(t tree) error { return t.overwrite(name, data) })
}

func timespec(at time.Time) unix.Timespec { return unix.NsecToTimespec(at.UnixNano()) }
