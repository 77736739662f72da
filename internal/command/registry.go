package command

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/input"
)

// registryOptions are the flags for the access to registries.
type registryOptions struct {
	insecure, ca cli.StringSlice
}

func (o *registryOptions) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "insecure-registry", Category: registryFlags, Usage: "speak plain http to `HOST`[:PORT] where it has no TLS", Destination: &o.insecure},
		&cli.StringSliceFlag{Name: "registry-ca", Category: registryFlags, Usage: "trust the CAs in `FILE` for registries too", TakesFile: true, Destination: &o.ca},
	}
}

func (o *registryOptions) locations(ctx context.Context, p *printer) (*image.Locations, error) {
	l := &image.Locations{
		Stdin: p.in, Stdout: p.out, Insecure: o.insecure.Value(), UserAgent: "certgraft/" + version(),
		Env: func(name string) string { return p.env[name] }, Logger: p.log(),
	}
	if len(o.ca.Value()) == 0 {
		return l, nil
	}
	pool := certs.ServerRoots()
	for _, file := range o.ca.Value() {
		data, err := input.ReadFile(ctx, file)
		if err != nil {
			return nil, fmt.Errorf("--registry-ca: %w", err)
		}
		if !pool.AppendCertsFromPEM(data) {
			return nil, hint.Add(usagef("--registry-ca %s: it holds no PEM certificate", file), "certgraft bundle "+file+" writes its certificates as PEM")
		}
	}
	l.CAs = pool
	return l, nil
}
