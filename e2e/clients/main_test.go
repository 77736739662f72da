//go:build e2e

// Package clients runs the programs that certgraft is for, and compares what
// they do and print with the documentation.
package clients

import (
	"os"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }
