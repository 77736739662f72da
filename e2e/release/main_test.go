//go:build e2e

// Package release makes a release and runs the pipelines that use one.
package release

import (
	"os"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

func TestMain(m *testing.M) {
	status := rig.Main(m)
	removeRelease()
	os.Exit(status)
}
