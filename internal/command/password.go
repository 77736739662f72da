package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/internal/input"
)

func javaPasswordFlag(to *string) cli.Flag {
	return &cli.StringFlag{Name: "java-password-file", Category: targetFlags, Usage: "the password of Java trust stores is in `FILE`, where it is not the usual one", TakesFile: true, Destination: to}
}

// readPassword returns the first line of a file, or "" without a file.
func readPassword(ctx context.Context, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	data, err := input.ReadFile(ctx, name)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", usagef("the password file %s: its first line is empty", name)
	}
	return line, nil
}
