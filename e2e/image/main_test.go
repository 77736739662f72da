//go:build e2e

// Package image builds, runs and patches images with real engines and
// registries.
package image

import (
	"os"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }
