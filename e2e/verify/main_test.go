//go:build e2e

// Package verify compares certgraft verify with real servers and clients.
package verify

import (
	"os"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }
