package probe

import (
	"context"
	"fmt"
	"net"
	"strings"
)

// Lookup finds the service records of a name, as [net.Resolver.LookupSRV] does.
type Lookup func(ctx context.Context, service, proto, name string) (cname string, found []*net.SRV, err error)

// Resolve returns the first server in the service records, if the target is a
// service. It refuses a server outside the domain of the service, as MongoDB's
// clients do: an attacker who answers the query could name any server.
func (t Target) Resolve(ctx context.Context, lookup Lookup) (Target, error) {
	if t.Service == "" {
		return t, nil
	}
	name := "_" + t.Service + "._tcp." + t.Host
	_, found, err := lookup(ctx, t.Service, "tcp", t.Host)
	switch {
	case err != nil:
		return t, fmt.Errorf("look up the service record %s: %w", name, err)
	case len(found) == 0:
		return t, fmt.Errorf("the service record %s names no server", name)
	}
	_, domain, _ := strings.Cut(t.Host, ".")
	host, err := cleanHost(found[0].Target)
	if err != nil {
		return t, fmt.Errorf("the service record %s: %w", name, err)
	}
	if !strings.HasSuffix(strings.ToLower(host), "."+strings.ToLower(domain)) || domain == "" {
		return t, fmt.Errorf("the service record %s names %s, which is not in the domain %s: clients refuse it", name, quote(host), quote(domain))
	}
	t.Host, t.ServerName, t.Port, t.Others, t.Service = host, host, found[0].Port, len(found)-1, ""
	return t, nil
}
