//go:build !linux

package rootfs

import "os"

func syncfs(f *os.File) error { return f.Sync() }

func reserve(*os.File, int64) error { return nil }
