//go:build e2e && amd64

package faults

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// change is a system call that is about to change a file.
type change struct {
	name string // of the call
	path string // that it changes or makes
	from string // of a rename
	size uint64 // that it writes

	pid  int
	args [6]uint64
}

func (c change) String() string { return c.name + " " + c.path }

// verdict is what becomes of a system call.
type verdict struct {
	kill  bool          // the process is killed in place of it
	torn  bool          // of what it writes half is written, then the process is killed
	errno syscall.Errno // it fails with this
}

// traced is how a command ended.
type traced struct {
	status int // 137 if it was killed
	out    string
}

// trace runs a command and asks judge about each system call, of all its
// threads, that changes something in one of the directories. strace counts the
// calls of each thread apart; here there is one order of all.
func trace(t *testing.T, dirs []string, judge func(change) verdict, argv ...string) traced {
	t.Helper()
	type outcome struct {
		traced

		err error
	}
	done := make(chan outcome)
	go func() { // ptrace(2) knows a thread, not a process
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var out bytes.Buffer
		tr := &tracer{dirs: dirs, judge: judge, exits: map[int]verdict{}, seen: map[int]bool{}}
		status, err := tr.run(&out, argv)
		done <- outcome{traced{status, out.String()}, err}
	}()
	o := <-done
	if o.err != nil {
		t.Fatalf("trace %s: %v\n%s", strings.Join(argv, " "), o.err, o.out)
	}
	return o.traced
}

type tracer struct {
	dirs  []string
	judge func(change) verdict
	main  int
	exits map[int]verdict // of calls that are to end otherwise than they would
	seen  map[int]bool    // threads
	alive int             // of them
}

const traceOptions = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL

func (tr *tracer) run(out *bytes.Buffer, argv []string) (status int, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = w, w
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	_ = w.Close()
	read := make(chan struct{})
	go func() { _, _ = out.ReadFrom(r); _ = r.Close(); close(read) }()
	tr.main = cmd.Process.Pid
	status, err = tr.loop()
	<-read
	return status, err
}

func (tr *tracer) loop() (status int, err error) {
	var ws unix.WaitStatus
	if _, err := unix.Wait4(tr.main, &ws, 0, nil); err != nil {
		return 0, err
	}
	if err := unix.PtraceSetOptions(tr.main, traceOptions); err != nil {
		return 0, err
	}
	if err := unix.PtraceSyscall(tr.main, 0); err != nil {
		return 0, err
	}
	tr.meet(tr.main)
	for tr.alive > 0 { // other tests may have children that stay
		pid, err := unix.Wait4(-1, &ws, unix.WALL, nil)
		if err == nil && tr.seen[pid] && (ws.Exited() || ws.Signaled()) {
			tr.alive--
		}
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ECHILD):
			return status, nil
		case err != nil:
			return 0, err
		case ws.Exited() && pid == tr.main:
			status = ws.ExitStatus()
		case ws.Signaled() && pid == tr.main:
			status = 128 + int(ws.Signal())
		case ws.Stopped():
			if err := tr.stopped(pid, ws); err != nil && !errors.Is(err, unix.ESRCH) { // killed meanwhile
				return 0, err
			}
		}
	}
	return status, nil
}

func (tr *tracer) meet(pid int) {
	if !tr.seen[pid] {
		tr.seen[pid] = true
		tr.alive++
	}
}

func (tr *tracer) stopped(pid int, ws unix.WaitStatus) error {
	pass := 0
	tr.meet(pid)
	if cause := ws.TrapCause(); cause == unix.PTRACE_EVENT_CLONE || cause == unix.PTRACE_EVENT_FORK || cause == unix.PTRACE_EVENT_VFORK {
		made, err := unix.PtraceGetEventMsg(pid)
		if err != nil {
			return err
		}
		tr.meet(int(made))
	}
	switch s := ws.StopSignal(); s {
	case unix.SIGTRAP | 0x80:
		if err := tr.call(pid); err != nil {
			return err
		}
	case unix.SIGTRAP, unix.SIGSTOP: // an event, or the start of a thread
	default:
		pass = int(s)
	}
	return unix.PtraceSyscall(pid, pass)
}

// syscallInfo is struct ptrace_syscall_info of <linux/ptrace.h>.
type syscallInfo struct {
	op     uint8 // 1 at the entry, 2 at the exit
	_      [3]uint8
	arch   uint32
	ip, sp uint64
	nr     uint64
	args   [6]uint64
	_      uint64
}

func (tr *tracer) call(pid int) error {
	var info syscallInfo
	const getSyscallInfo = 0x420e
	if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, getSyscallInfo, uintptr(pid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0); errno != 0 {
		return errno
	}
	if info.op == 2 {
		return tr.exit(pid)
	}
	if info.op != 1 {
		return nil
	}
	c, ok := tr.change(pid, info)
	if !ok {
		return nil
	}
	v := tr.judge(c)
	switch {
	case v.kill:
		return unix.Kill(tr.main, unix.SIGKILL)
	case v.torn:
		tr.exits[pid] = v
		return edit(pid, func(r *unix.PtraceRegs) { r.Rdx /= 2 })
	case v.errno != 0:
		tr.exits[pid] = v
		return edit(pid, func(r *unix.PtraceRegs) { r.Orig_rax = ^uint64(0) })
	}
	return nil
}

func (tr *tracer) exit(pid int) error {
	v, ok := tr.exits[pid]
	delete(tr.exits, pid)
	switch {
	case !ok:
		return nil
	case v.torn:
		return unix.Kill(tr.main, unix.SIGKILL)
	}
	return edit(pid, func(r *unix.PtraceRegs) { r.Rax = -uint64(v.errno) })
}

func edit(pid int, change func(*unix.PtraceRegs)) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(pid, &regs); err != nil {
		return err
	}
	change(&regs)
	return unix.PtraceSetRegs(pid, &regs)
}

// calls are the system calls that change files: which argument is the file or
// directory, and which the name in it, -1 if none.
var calls = map[uint64]struct {
	name     string
	fd, path int
}{
	unix.SYS_OPENAT: {"openat", 0, 1}, unix.SYS_MKDIRAT: {"mkdirat", 0, 1}, unix.SYS_UNLINKAT: {"unlinkat", 0, 1},
	unix.SYS_SYMLINKAT: {"symlinkat", 1, 2}, unix.SYS_LINKAT: {"linkat", 2, 3}, unix.SYS_RENAMEAT: {"renameat", 2, 3}, unix.SYS_RENAMEAT2: {"renameat2", 2, 3},
	unix.SYS_FCHMODAT: {"fchmodat", 0, 1}, unix.SYS_FCHMODAT2: {"fchmodat2", 0, 1}, unix.SYS_FCHOWNAT: {"fchownat", 0, 1}, unix.SYS_UTIMENSAT: {"utimensat", 0, 1},
	unix.SYS_WRITE: {"write", 0, -1}, unix.SYS_PWRITE64: {"pwrite64", 0, -1}, unix.SYS_WRITEV: {"writev", 0, -1}, unix.SYS_COPY_FILE_RANGE: {"copy_file_range", 2, -1},
	unix.SYS_SENDFILE: {"sendfile", 0, -1}, unix.SYS_FTRUNCATE: {"ftruncate", 0, -1}, unix.SYS_FALLOCATE: {"fallocate", 0, -1},
	unix.SYS_FCHMOD: {"fchmod", 0, -1}, unix.SYS_FCHOWN: {"fchown", 0, -1}, unix.SYS_FSETXATTR: {"fsetxattr", 0, -1},
	unix.SYS_FSYNC: {"fsync", 0, -1}, unix.SYS_FDATASYNC: {"fdatasync", 0, -1}, unix.SYS_SYNCFS: {"syncfs", 0, -1},
}

// change returns what a system call changes, if that is in one of the
// directories.
func (tr *tracer) change(pid int, info syscallInfo) (change, bool) {
	call, ok := calls[info.nr]
	if !ok || info.nr == unix.SYS_OPENAT && info.args[2]&(unix.O_CREAT|unix.O_TRUNC) == 0 {
		return change{}, false
	}
	c := change{name: call.name, pid: pid, args: info.args, path: fileAt(pid, info.args[call.fd])}
	if call.path >= 0 {
		c.path = join(c.path, text(pid, info.args[call.path]))
	}
	if strings.HasPrefix(c.name, "rename") {
		c.from = join(fileAt(pid, info.args[0]), text(pid, info.args[1]))
	}
	if strings.Contains(c.name, "write") {
		c.size = info.args[2]
	}
	for _, dir := range tr.dirs {
		if c.path == dir || strings.HasPrefix(c.path, dir+"/") {
			return c, true
		}
	}
	return c, false
}

func fileAt(pid int, fd uint64) string {
	link := fmt.Sprintf("/proc/%d/fd/%d", pid, int32(fd))
	if int32(fd) == unix.AT_FDCWD {
		link = fmt.Sprintf("/proc/%d/cwd", pid)
	}
	name, _ := os.Readlink(link)
	return name
}

func join(dir, name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(dir, name)
}

func text(pid int, at uint64) string {
	buf := make([]byte, 512)
	n, _ := unix.PtracePeekData(pid, uintptr(at), buf)
	head, _, _ := bytes.Cut(buf[:n], []byte{0})
	return string(head)
}
