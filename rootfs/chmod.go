package rootfs

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// chmodDir sets the mode of a directory that was just made. It does so by a
// descriptor: by name, without following a link, takes Linux 6.6 or a mounted
// /proc, and a container or a chroot may have neither.
func (d disk) chmodDir(name string, mode fs.FileMode) error {
	dir, err := d.root.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrPermission) {
		return d.root.Chmod(name, mode) // the umask took away what it takes to open it
	}
	if err != nil {
		return err
	}
	return errors.Join(dir.Chmod(mode), dir.Close())
}
