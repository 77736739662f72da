// Command certgraft-frontend is a Dockerfile frontend for BuildKit. Its RUN
// steps trust more CAs, without a change of the Dockerfile. The engine runs it
// as an image; see docs/one-step.md.
package main

import (
	"os"

	"github.com/moby/buildkit/frontend/gateway/grpcclient"
	"github.com/moby/buildkit/util/appcontext"
	"github.com/moby/buildkit/util/bklog"
	_ "github.com/moby/buildkit/util/grpcutil/encoding/proto" // the engine's encoding

	"github.com/certgraft/certgraft/frontend/internal/build"
)

func main() {
	if err := grpcclient.RunFromEnvironment(appcontext.Context(), build.Build); err != nil {
		bklog.L.Errorf("certgraft-frontend: %+v", err)
		os.Exit(1)
	}
}
