package probe

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Target is a server, and what is spoken there.
type Target struct {
	Host       string // name or address, without brackets and final dot
	Port       uint16
	Protocol   *Protocol
	ServerName string // what the certificate has to be for, and SNI; Host if nothing else is said
}

// ParseTarget reads what a user names a server by: HOST, HOST:PORT or a URL
// such as postgres://user@host/db, whose user and path are not looked at.
// starttls names the protocol, where it is not "".
func ParseTarget(arg, starttls string) (Target, error) {
	t := Target{}
	if starttls != "" {
		if t.Protocol = protocolNamed(starttls); t.Protocol == nil {
			return t, fmt.Errorf("no protocol %q: it is one of %s", starttls, strings.Join(ProtocolNames(), ", "))
		}
	}
	host, port := "", ""
	var err error
	if scheme, _, ok := strings.Cut(strings.TrimPrefix(arg, "jdbc:"), "://"); ok {
		host, port, err = t.readURL(scheme, strings.TrimPrefix(arg, "jdbc:"))
	} else {
		host, port, err = splitHostPort(arg)
	}
	if err != nil {
		return t, err
	}
	if t.Host, err = cleanHost(host); err != nil {
		return t, err
	}
	t.ServerName = t.Host
	return t, t.choosePort(port)
}

// readURL takes the protocol from a URL, and returns host and port.
func (t *Target) readURL(scheme, arg string) (host, port string, err error) {
	arg, _, _ = strings.Cut(arg, ";") // jdbc:sqlserver://host:1433;encrypt=true
	u, err := url.Parse(arg)
	if err != nil { // the parser's words would show a password
		return "", "", fmt.Errorf("the %s URL cannot be read: name one host, as in %s://HOST:PORT", quote(scheme), scheme)
	}
	if strings.HasSuffix(u.Scheme, "+srv") {
		return "", "", fmt.Errorf("%s names a service record: name one of its hosts instead, as in mongodb://HOST:27017", u.Scheme)
	}
	p := protocolNamed(u.Scheme)
	if t.Protocol == nil && p == nil {
		return "", "", fmt.Errorf("no protocol for %s URLs: name it with --starttls, one of %s", quote(u.Scheme), strings.Join(ProtocolNames(), ", "))
	}
	if t.Protocol == nil {
		t.Protocol = p
		if p.Name == "postgres" && u.Query().Get("sslnegotiation") == "direct" {
			t.Protocol = protocolNamed("postgres-direct")
		}
	}
	if strings.Contains(u.Host, ",") {
		return "", "", fmt.Errorf("the URL names several hosts: name one")
	}
	return u.Hostname(), u.Port(), nil
}

// splitHostPort cuts a port off, where there is one. IPv6 addresses may stand
// without brackets.
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

// cleanHost refuses what cannot be a host.
func cleanHost(host string) (string, error) {
	if host == "" {
		return "", fmt.Errorf("the host is missing")
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

// sni returns the name that the handshake asks for; addresses have none.
func (t Target) sni() string {
	if _, err := netip.ParseAddr(t.ServerName); err == nil {
		return ""
	}
	return t.ServerName
}
