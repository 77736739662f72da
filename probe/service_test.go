package probe_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/probe"
)

// mongodb+srv is looked up. The answer cannot lead outside the domain of the
// service.
func TestPastedServiceIsLookedUp(t *testing.T) {
	target, err := probe.ParseTarget("mongodb+srv://me:secret@c0.ab1.mongodb.net/app", "")
	if err != nil {
		t.Fatal(err)
	}
	answer := func(records ...*net.SRV) probe.Lookup {
		return func(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
			if service != "mongodb" || proto != "tcp" || name != "c0.ab1.mongodb.net" {
				t.Errorf("asked for %s %s %s", service, proto, name)
			}
			if records == nil {
				return "", nil, errors.New("no such host")
			}
			return "", records, nil
		}
	}
	one, two := &net.SRV{Target: "c0-shard-00-00.ab1.mongodb.net.", Port: 27016}, &net.SRV{Target: "c0-shard-00-01.ab1.mongodb.net.", Port: 27016}
	got, err := target.Resolve(t.Context(), answer(one, two))
	if err != nil || got.String() != "c0-shard-00-00.ab1.mongodb.net:27016" || got.ServerName != got.Host || got.Others != 1 || got.Protocol.Name != "mongodb" {
		t.Errorf("%+v %v", got, err)
	}
	if again, err := got.Resolve(t.Context(), answer()); err != nil || again != got {
		t.Errorf("a host is looked up: %v", err)
	}
	for want, records := range map[string][]*net.SRV{
		"no such host":       nil,
		"not in the domain":  {{Target: "evil.example.", Port: 1}},
		"is not a host name": {{Target: "a b.ab1.mongodb.net.", Port: 1}},
		"names no server":    {},
	} {
		_, err := target.Resolve(t.Context(), answer(records...))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
