//go:build e2e

// Package bench measures certgraft beside the real tools: make bench.
package bench

import (
	"os"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }
