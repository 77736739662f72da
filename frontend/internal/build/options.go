package build

import (
	"fmt"
	"strconv"
	"strings"
)

// options are the settings in the build-args.
type options struct {
	sources []string // CERTGRAFT_SOURCE, split at commas and spaces
	mode    string   // CERTGRAFT_MODE
	install bool     // CERTGRAFT_INSTALL
}

func parseOptions(opts map[string]string) (options, error) {
	o := options{mode: opts["build-arg:CERTGRAFT_MODE"]}
	switch o.mode {
	case "", "env", "in-root":
	default:
		return o, fmt.Errorf("certgraft: build-arg CERTGRAFT_MODE is %q: it is env or in-root", o.mode)
	}
	o.sources = strings.FieldsFunc(opts["build-arg:CERTGRAFT_SOURCE"], func(r rune) bool { return r == ',' || r == ' ' })
	for _, s := range o.sources {
		if strings.HasPrefix(s, "-") || strings.HasPrefix(s, "/") || strings.HasPrefix(s, ".") || strings.Contains(s, "://") {
			return o, fmt.Errorf("certgraft: build-arg CERTGRAFT_SOURCE has %q: it takes ids as aws-rds, which certgraft list prints; give a file as the secret certgraft", s)
		}
	}
	if value := opts["build-arg:CERTGRAFT_INSTALL"]; value != "" {
		install, err := strconv.ParseBool(value)
		if err != nil {
			return o, fmt.Errorf("certgraft: build-arg CERTGRAFT_INSTALL is %q: it is 1 or 0", value)
		}
		o.install = install
	}
	return o, nil
}
