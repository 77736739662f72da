package probe

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func (o Options) network() string {
	if o.Network == "" {
		return "tcp"
	}
	return o.Network
}

func (o Options) dial(ctx context.Context, address string) (net.Conn, error) {
	if o.Dial != nil {
		return o.Dial(ctx, o.network(), address)
	}
	return (&net.Dialer{}).DialContext(ctx, o.network(), address)
}

// open resolves the name and opens a connection, through the proxy if one is set.
func (s *Session) open(ctx context.Context, opt Options) (*conn, error) {
	host, port := s.Target.Host, strconv.Itoa(int(s.Target.Port))
	if opt.Proxy != nil {
		host, port = opt.Proxy.Hostname(), proxyPort(opt.Proxy)
	}
	addresses, err := s.resolve(ctx, opt, host)
	if err != nil {
		return nil, err
	}
	plain, err := s.connect(ctx, opt, addresses, port)
	if err != nil {
		return nil, err
	}
	c := newConn(plain)
	if opt.Proxy == nil {
		return c, nil
	}
	if err := s.throughProxy(ctx, c, opt.Proxy); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func proxyPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Port()
	}
	return "80"
}

// resolve finds the addresses of a name. It returns an address unchanged.
func (s *Session) resolve(ctx context.Context, opt Options, host string) ([]string, error) {
	if address, err := netip.ParseAddr(host); err == nil {
		s.done("resolve", host+" is an address")
		return []string{address.String()}, nil
	}
	network := strings.Replace(opt.network(), "tcp", "ip", 1)
	found, err := net.DefaultResolver.LookupNetIP(ctx, network, host)
	if err != nil || len(found) == 0 {
		f := &Fault{NameUnresolved, fmt.Sprintf("there is no address for %s%s", host, resolveReason(err)), "check the name, and the DNS server of this machine (/etc/resolv.conf)"}
		s.fail("resolve", f)
		return nil, errors.Join(errors.New(f.Text), err)
	}
	var addresses []string
	for _, a := range found { // /etc/hosts may repeat an address
		if address := a.Unmap().String(); !slices.Contains(addresses, address) {
			addresses = append(addresses, address)
		}
	}
	s.done("resolve", strings.Join(addresses, ", "))
	return addresses, nil
}

func resolveReason(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		switch {
		case dns.IsTimeout:
			return ": the DNS server does not answer"
		case !dns.IsNotFound:
			return ": " + dns.Err
		}
	}
	return ""
}

// connect tries the addresses in turn. Each gets its share of the remaining time.
func (s *Session) connect(ctx context.Context, opt Options, addresses []string, port string) (net.Conn, error) {
	var failed []string
	var last error
	for i, a := range addresses {
		address := net.JoinHostPort(a, port)
		share := ctx
		cancel := func() {}
		if deadline, ok := ctx.Deadline(); ok {
			share, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(len(addresses)-i))
		}
		start := time.Now()
		c, err := opt.dial(share, address)
		cancel()
		if err == nil {
			s.Address = address
			detail := fmt.Sprintf("%s in %d ms", address, time.Since(start).Milliseconds())
			if len(failed) > 0 {
				detail += "; not " + strings.Join(failed, "; not ")
			}
			s.done("connect", detail)
			return c, nil
		}
		last = err
		failed = append(failed, address+" ("+connectReason(err)+")")
	}
	f := &Fault{PortClosed, "no connection to ", "is the server running, does it listen on this address, and does a firewall let you through?"}
	if opt.Proxy != nil {
		f = &Fault{ProxyRefused, "no connection to the proxy ", proxyCure}
	}
	f.Text += strings.Join(failed, ", nor to ")
	s.fail("connect", f)
	return nil, errors.Join(errors.New(f.Text), last)
}

func connectReason(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused: nothing listens there"
	case isTimeout(err):
		return "no answer: a firewall drops it, or the host is down"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "no route there"
	}
	return err.Error()
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout()
}

const proxyCure = "check the proxy, or go without it: --proxy none"

// throughProxy lets an HTTP proxy connect to the target (RFC 9110, section 9.3.6).
func (s *Session) throughProxy(ctx context.Context, c *conn, proxy *url.URL) error {
	defer within(ctx, c)()
	request := fmt.Sprintf("CONNECT %s HTTP/1.1\r\nHost: %s\r\n", s.Target, s.Target)
	if proxy.User != nil {
		password, _ := proxy.User.Password()
		request += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(proxy.User.Username()+":"+password)) + "\r\n"
	}
	f := &Fault{Cause: ProxyRefused, Cure: proxyCure}
	status, err := connectThrough(c, request+"\r\n")
	switch {
	case err != nil:
		f.Text = fmt.Sprintf("the proxy %s does not answer CONNECT: %v", proxy.Host, err)
	case status == http.StatusProxyAuthRequired:
		f.Text = fmt.Sprintf("the proxy %s wants a password", proxy.Host)
		f.Cure = "write it into the proxy's URL: --proxy http://USER:PASSWORD@" + proxy.Host
	case status/100 != 2:
		f.Text = fmt.Sprintf("the proxy %s refuses to connect to %s: status %d", proxy.Host, s.Target, status)
	default:
		s.Steps[len(s.Steps)-1].Detail += ", the proxy, which connects to " + s.Target.String()
		return nil
	}
	s.Steps = s.Steps[:len(s.Steps)-1]
	s.fail("connect", f)
	return errors.New(f.Text)
}

// connectThrough sends the request and reads the head of the answer. It reads line
// by line and loses no byte after the head.
func connectThrough(c *conn, request string) (status int, err error) {
	w := c.wire("")
	if err := w.send(request); err != nil {
		return 0, err
	}
	line, err := w.line()
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(line)
	if len(fields) < 2 || !strings.HasPrefix(fields[0], "HTTP/1.") {
		return 0, fmt.Errorf("it said %s, which is not HTTP", quote(line))
	}
	if status, err = strconv.Atoi(fields[1]); err != nil {
		return 0, fmt.Errorf("it said %s, which is not HTTP", quote(line))
	}
	for line != "" {
		if line, err = w.line(); err != nil {
			return 0, err
		}
	}
	return status, nil
}

// within ends reads and writes of c when ctx ends. It stops when the returned
// function is called.
func within(ctx context.Context, c net.Conn) func() {
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(deadline) // without deadlines ctx still closes the connection
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	return func() { stop() }
}
