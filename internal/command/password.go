package command

import (
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
)

func javaPasswordFlag(to *string) cli.Flag {
	return &cli.StringFlag{Name: "java-password-file", Category: targetFlags, Usage: "the password of Java trust stores is in `FILE`, where it is not the usual one", TakesFile: true, Destination: to}
}

// readPassword returns the first line of a file, "" without a file.
func readPassword(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("read the password of Java trust stores: %w", err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", usagef("the password file %s: its first line is empty", name)
	}
	return line, nil
}
