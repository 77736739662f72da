//go:build e2e

// Package roots holds the roots of distributions, changed by certgraft and by
// their own tools.
package roots

import (
	"os"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }
