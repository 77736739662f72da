package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/installer"
)

// Exit statuses, see [Run].
const (
	exitDone        = 0
	exitFailure     = 1
	exitUsage       = 2
	exitRefused     = 3
	exitUnreachable = 4
	exitFound       = 5
)

// usageError is a mistake in the command line, not a failure of the work.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// refusedError is an input that no flag makes certgraft install.
type refusedError struct{ error }

func (e refusedError) Unwrap() error { return e.error }

func refusedf(format string, args ...any) error { return refusedError{fmt.Errorf(format, args...)} }

// reportedError is an outcome that the result has already told. It is printed only
// with --quiet.
type reportedError struct {
	error
	status int
}

func (e reportedError) Unwrap() error { return e.error }

// errFound matches each error of a check that found what it looks for.
var errFound = errors.New("found")

// Is reports whether the outcome is a check that found what it looks for.
func (e reportedError) Is(target error) bool { return target == errFound && e.status == exitFound }

// toldError has already been written.
type toldError struct{ error }

func (e toldError) Unwrap() error { return e.error }

// statusError ends the program with the status of the command that it ran. A
// command that ran leaves no error to write.
type statusError struct {
	error

	status int
}

func (e statusError) Error() string {
	if e.error == nil {
		return fmt.Sprintf("the command ended with status %d", e.status)
	}
	return e.error.Error()
}

func (e statusError) Unwrap() error { return e.error }

// exitStatus maps an error to the status of the process. If several apply, the
// status wins that says most about the cure: 2 before 3, 4, 5 and 1.
func exitStatus(err error) int {
	switch {
	case err == nil:
		return exitDone
	case is[statusError](err):
		e, _ := errors.AsType[statusError](err)
		return e.status
	case is[usageError](err) || errors.Is(err, bundles.ErrUsage) || errors.Is(err, image.ErrUsage):
		return exitUsage
	case is[refusedError](err) || errors.Is(err, bundles.ErrRefused) || errors.Is(err, installer.ErrRefused) || errors.Is(err, image.ErrRefused):
		return exitRefused
	case errors.Is(err, context.Canceled): // a signal ended the run, whatever it did not reach
	case errors.Is(err, bundles.ErrUnreachable) || errors.Is(err, image.ErrUnreachable):
		return exitUnreachable
	}
	if errors.Is(err, errFound) {
		return exitFound
	}
	return exitFailure
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
