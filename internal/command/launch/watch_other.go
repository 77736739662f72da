//go:build !linux

package launch

// Watch does nothing: on systems without containers no command installs CAs.
func Watch(string, func()) (stop func()) { return func() {} }
