package command

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/internal/command/words"
)

// splitList splits a value of comma-separated names.
func splitList(value string) []string {
	var names []string
	for name := range strings.SplitSeq(value, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// hosts names the hosts of urls, each once.
func hosts(urls []string) string {
	var names []string
	for _, u := range urls {
		if h := host(u); !slices.Contains(names, h) {
			names = append(names, h)
		}
	}
	return strings.Join(names, ", ")
}

// groupVerdicts yields one line for all certificates of a source that share
// a remark, so that fifty expired roots are not fifty lines.
func groupVerdicts(verdicts []verdict) iter.Seq[string] {
	type key struct{ source, action, reason string }
	var order []key
	names := map[key][]string{}
	for _, v := range verdicts {
		k := key{v.Source, v.Action, v.Reason}
		if names[k] == nil {
			order = append(order, k)
		}
		names[k] = append(names[k], v.Certificate)
	}
	return func(yield func(string) bool) {
		for _, k := range order {
			if !yield(fmt.Sprintf("%s: %s %s: %s", k.source, k.action, words.Some(names[k], 3), k.reason)) {
				return
			}
		}
	}
}
