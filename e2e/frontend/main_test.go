//go:build e2e

// Package frontend builds unchanged Dockerfiles with the frontend, on a current
// BuildKit and on Debian's Docker engine.
package frontend

import (
	"os"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }
