package command

import (
	"errors"
	"fmt"
	"testing"

	"github.com/certgraft/certgraft/bundles"
)

// The worst of several errors makes the status, in any order: 2 before 3, 4, 5 and
// 1.
func TestWorstStatus(t *testing.T) {
	order := []struct {
		status int
		err    error
	}{
		{exitUsage, usagef("usage")}, {exitRefused, refusedf("refused")}, {exitUnreachable, fmt.Errorf("get: %w", bundles.ErrUnreachable)},
		{exitFound, reportedError{errors.New("found"), exitFound}}, {exitFailure, reportedError{errors.New("undecided"), exitFailure}}, {exitFailure, errors.New("failed")},
	}
	for i, worse := range order {
		for _, other := range order[i:] {
			for _, err := range []error{errors.Join(worse.err, other.err), toldError{errors.Join(other.err, worse.err)}} {
				if got := exitStatus(err); got != worse.status {
					t.Errorf("%q: status %d, want %d", err, got, worse.status)
				}
			}
		}
	}
}
