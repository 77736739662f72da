//go:build e2e

// Package faults holds what goes wrong while a root is edited: disks, mounts and
// permissions, a kill and an error at each system call.
package faults

import (
	"os"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }
