package step

import (
	"time"

	"golang.org/x/sys/unix"
)

func timespec(at time.Time) unix.Timespec { return unix.NsecToTimespec(at.UnixNano()) }
