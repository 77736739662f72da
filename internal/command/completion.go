package command

import (
	"context"
	"embed"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// completions holds one script for each shell. internal/gen makes them from the
// command tree and the catalogue. They start no program, so that a key press costs
// no time.
//
//go:embed completions
var completions embed.FS

const shells = "bash, zsh or fish"

func completionCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name:        "completion",
		Usage:       "write the script that completes commands, flags and catalogue ids",
		ArgsUsage:   "bash|zsh|fish",
		Description: "For the current shell:  source <(certgraft completion bash)",
		Action: taking(1, 1, "the shell, "+shells+",", func(_ context.Context, args []string) error {
			script, err := completions.ReadFile("completions/certgraft." + strings.ToLower(args[0]))
			if err != nil {
				return usagef("no completion for %q: the shell is %s", args[0], shells)
			}
			if _, err := p.out.Write(script); err != nil {
				return fmt.Errorf("write the script: %w", err)
			}
			return nil
		}),
	}
}
