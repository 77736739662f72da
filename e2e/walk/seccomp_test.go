//go:build e2e

package walk

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// withoutSync, in the environment, has the test binary run its arguments as a
// command that may not sync.
const withoutSync = "CERTGRAFT_TEST_WITHOUT_SYNC"

// refuseSync makes every call that waits for a disk fail with EPERM and becomes
// the command.
func refuseSync(command []string) {
	const returnEPERM, returnAllow = 0x00050000 | uint32(unix.EPERM), 0x7fff0000
	runtime.LockOSThread()
	calls := []uint32{unix.SYS_SYNCFS, unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_SYNC, unix.SYS_SYNC_FILE_RANGE}
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}} // the number of the call
	for i, call := range calls {
		filter = append(filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: uint8(len(calls) - i), K: call})
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: returnAllow}, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: returnEPERM})
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
	}
	if err == nil {
		err = syscall.Exec(command[0], command, os.Environ())
	}
	fmt.Fprintln(os.Stderr, "e2e: no command without sync:", err)
	os.Exit(1)
}
