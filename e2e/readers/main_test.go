//go:build e2e

// Package readers runs real programs against servers whose certificates are odd, one
// thing at a time, and writes down who accepts what: readers/testdata/matrix.tsv. The
// rules of package readers are held against that file.
package readers

import (
	"os"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }
