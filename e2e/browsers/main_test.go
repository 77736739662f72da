//go:build e2e

// Package browsers runs Debian's Chromium and Firefox, and NSS's tstclnt, against
// servers on loopback, with what install writes for them and with what it prints.
package browsers

import (
	"os"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }
