//go:build e2e

// Package compare holds a binary against another one, such as that of the commit
// before a change that must change nothing: make compare OTHER=BINARY. Both do the
// same on the same roots, images and sources, and everything that can be seen of
// it must be equal: standard output, standard error, exit status and every file.
package compare

import (
	"os"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }
