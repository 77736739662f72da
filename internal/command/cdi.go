package command

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/internal/command/oci"
	"github.com/certgraft/certgraft/internal/hint"
)

// cdiOptions are the flags of certgraft cdi.
type cdiOptions struct {
	source         sourceOptions
	output, device string
	strict, plain  bool
}

func cdiCommand(p *printer) *cli.Command {
	o := &cdiOptions{}
	return &cli.Command{
		Name:        "cdi",
		Usage:       "write a device for container engines that has a container trust while it runs",
		ArgsUsage:   "SOURCE…",
		Description: "certgraft cdi --output /etc/cdi/certgraft.json /etc/certgraft/corp.pem\npodman run --device " + oci.Kind + "=corp IMAGE\nThe device is two hooks, see certgraft hook. A step of a build has it with RUN --device=" + oci.Kind + "=corp.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "output", Category: outputFlags, Usage: "write the device to `FILE`, which - stands for standard output in; engines look in /etc/cdi and /var/run/cdi", TakesFile: true, Destination: &o.output},
			&cli.StringFlag{Name: "device", Category: outputFlags, Usage: "call the device " + oci.Kind + "=`NAME`", Value: "corp", Destination: &o.device},
			&cli.BoolFlag{Name: "plain", Category: outputFlags, Usage: "leave out what engines before CDI 0.6 refuse, as podman 4 is one", Destination: &o.plain},
			strictFlag(&o.strict),
		}, o.source.flags()...),
		Action: withSources(func(ctx context.Context, specs []string) error { return o.run(ctx, p, specs) }),
	}
}

func (o *cdiOptions) run(ctx context.Context, p *printer, specs []string) error {
	if o.output == "" {
		return hint.Add(usagef("cdi: --output is missing"), "engines look in /etc/cdi: certgraft cdi --output /etc/cdi/certgraft.json SOURCE…")
	}
	if !isDeviceName(o.device) {
		return usagef("cdi: --device %q: a name has letters, digits and inside also . _ - :", o.device)
	}
	catalogue, err := o.source.fetch.catalogue(ctx)
	if err != nil {
		return err
	}
	in, out, err := hookArguments(catalogue, slices.Clone(specs), nil, o.strict)
	if err != nil {
		return err
	}
	result := newEditResult(&targetOptions{})
	if _, err := o.source.load(ctx, p, result, specs); err != nil {
		return err // better here than at the start of each container
	}
	result.remarks(p)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	data, err := oci.Device{Name: o.device, Plain: o.plain, Hooks: oci.Hooks{Program: self, In: in, Out: out}}.Encode()
	if err != nil {
		return err
	}
	if o.output == "-" {
		_, err := p.out.Write(data)
		return err
	}
	if err := replaceFile(o.output, data); err != nil {
		return err
	}
	p.note(fmt.Sprintf("containers with --device %s=%s trust while they run", oci.Kind, o.device))
	return nil
}

// isDeviceName reports whether engines accept a name for a device.
func isDeviceName(name string) bool {
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		inside := i > 0 && i < len(name)-1 && (r == '.' || r == '_' || r == '-' || r == ':')
		if !letter && !inside {
			return false
		}
	}
	return name != ""
}
