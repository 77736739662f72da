//go:build !linux

package launch

// Watch watches nothing: where no containers run, no command installs CAs.
func Watch(string, func()) (stop func()) { return func() {} }
