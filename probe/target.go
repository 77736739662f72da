package probe

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Target is a server and the protocol that it speaks.
type Target struct {
	Host       string // name or address, without brackets and final dot
	Port       uint16
	Protocol   *Protocol
	ServerName string // the name for the certificate and for SNI; by default Host
	Service    string // Host is a name whose service records (SRV) for this service name the hosts, see [Target.Resolve]
	RootCert   string // sslrootcert of an address of libpq: a file, or "system"; "" without one
	Others     int    // number of further hosts in the text
}

// ParseTarget reads a user's description of a server: HOST, HOST:PORT, a URL, or a
// connection string of a program. It ignores the user and the path of a URL, as in
// postgres://user@host/db. It takes the first of several hosts. A starttls that is
// not "" names the protocol.
func ParseTarget(arg, starttls string) (Target, error) {
	t := Target{}
	if starttls != "" {
		if t.Protocol = protocolNamed(starttls); t.Protocol == nil {
			return t, fmt.Errorf("no protocol %q: it is one of %s", starttls, strings.Join(ProtocolNames(), ", "))
		}
		if scheme, rest, ok := strings.Cut(arg, "://"); ok && protocolNamed(scheme) == nil { // the scheme may be unknown
			arg = t.Protocol.Name + "://" + rest
		}
	}
	a, err := readAddress(arg)
	if err != nil {
		return t, err
	}
	if len(a.hosts) == 0 {
		return t, errNoHost
	}
	t.Service, t.Others, t.RootCert = a.service, len(a.hosts)-1, a.rootCert
	if t.Protocol == nil {
		t.Protocol = a.protocol
		if a.direct {
			t.Protocol = protocolNamed("postgres-direct")
		}
	}
	host, port, err := splitHostPort(a.hosts[0])
	if err == nil {
		t.Host, err = cleanHost(host)
	}
	if err == nil {
		t.ServerName = t.Host
		err = t.choosePort(cmp.Or(port, a.port))
	}
	if err != nil && a.secret { // the text of the error could show a password
		err = errors.New("the address cannot be read: name one host, as in HOST:PORT or postgres://HOST:PORT")
	}
	return t, err
}

var errNoHost = errors.New("the host is missing")

// splitHostPort separates the port from a host. An IPv6 address needs no brackets.
func splitHostPort(arg string) (host, port string, err error) {
	if _, err := netip.ParseAddr(arg); err == nil {
		return arg, "", nil
	}
	if !strings.Contains(arg, ":") || strings.HasPrefix(arg, "[") && strings.HasSuffix(arg, "]") {
		return strings.Trim(arg, "[]"), "", nil
	}
	host, port, err = net.SplitHostPort(arg)
	if err != nil {
		return "", "", fmt.Errorf("%s is not HOST or HOST:PORT; an IPv6 address with a port is [ADDRESS]:PORT", quote(arg))
	}
	return host, port, nil
}

// cleanHost refuses text that cannot be a host.
func cleanHost(host string) (string, error) {
	if strings.TrimSuffix(host, ".") == "" {
		return "", errNoHost
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return host, nil
	}
	for _, r := range host {
		switch {
		case r >= 0x80:
			return "", fmt.Errorf("%s is not ASCII: write the name as it is in DNS, with xn--", quote(host))
		case r <= ' ' || strings.ContainsRune("/\\@?#:[]", r):
			return "", fmt.Errorf("%s is not a host name", quote(host))
		}
	}
	return strings.TrimSuffix(host, "."), nil
}

func (t *Target) choosePort(port string) error {
	if port == "" {
		if t.Protocol == nil {
			t.Protocol = protocols[0]
		}
		t.Port = t.Protocol.port
		return nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("%s is not a port: it is a number from 1 to 65535", quote(port))
	}
	t.Port = uint16(n)
	if t.Protocol == nil {
		t.Protocol = protocolOn(t.Port)
	}
	return nil
}

// String returns host and port.
func (t Target) String() string { return net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port))) }

// sni returns the name for SNI; an address has none.
func (t Target) sni() string {
	if _, err := netip.ParseAddr(t.ServerName); err == nil {
		return ""
	}
	return t.ServerName
}
