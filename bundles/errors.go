package bundles

import (
	"errors"
	"fmt"
	"strings"
)

// Kinds of failure, for the exit status. Other errors are failures of the work,
// for example a missing file.
var (
	ErrUsage       = errors.New("wrong usage")                   // status 2
	ErrRefused     = errors.New("the input was refused")         // status 3
	ErrUnreachable = errors.New("a source could not be reached") // status 4
)

// classed is an error of one of these kinds, with its own text.
type classed struct {
	error
	kind error
}

func (c classed) Unwrap() []error { return []error{c.error, c.kind} }

func usagef(format string, args ...any) error { return classed{fmt.Errorf(format, args...), ErrUsage} }
func refusedf(format string, args ...any) error {
	return classed{fmt.Errorf(format, args...), ErrRefused}
}

func unreachablef(format string, args ...any) error {
	return classed{fmt.Errorf(format, args...), ErrUnreachable}
}

// together is several errors on one line.
type together []error

func (t together) Error() string {
	var texts []string
	for _, err := range t {
		texts = append(texts, err.Error())
	}
	return strings.Join(texts, "; ")
}

func (t together) Unwrap() []error { return t }
