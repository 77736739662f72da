package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
)

// Proxy is [http.ProxyFromEnvironment], with an error for a variable that holds no
// URL. The original ignores such a variable, and the request bypasses the proxy
// and may hang for ever. Or it takes a part of the value as a host.
func Proxy(req *http.Request) (*url.URL, error) {
	name, value := firstSet(strings.ToUpper(req.URL.Scheme)+"_PROXY", strings.ToLower(req.URL.Scheme)+"_proxy")
	if value != "" && !isProxy(value) && !spared(req.URL) {
		return nil, proxyError(name)
	}
	return http.ProxyFromEnvironment(req)
}

// proxyError names the variable. It omits the value, which may hold a password.
type proxyError string

func (e proxyError) Error() string { return "the variable " + string(e) + " is no URL of a proxy" }

// Hint is for package hint.
func (e proxyError) Hint() string {
	return "write " + string(e) + "=http://HOST:PORT, or go without a proxy: unset " + string(e)
}

// firstSet returns the first of names that is set and not empty, with its value.
func firstSet(names ...string) (name, value string) {
	for _, name := range names {
		if value := os.Getenv(name); value != "" { //nolint:forbidigo // environ.go names it
			return name, value
		}
	}
	return "", ""
}

// isProxy reports whether a value is the URL of a proxy, with or without its
// scheme.
func isProxy(value string) bool {
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	return err == nil && u.Host != ""
}

// spared reports whether NO_PROXY excludes the host of a URL, or the host is this
// machine.
func spared(u *url.URL) bool {
	host := strings.ToLower(u.Hostname())
	addr, _ := netip.ParseAddr(host)
	if host == "localhost" || addr.IsLoopback() {
		return true
	}
	_, list := firstSet("NO_PROXY", "no_proxy")
	for entry := range strings.SplitSeq(strings.ToLower(list), ",") {
		entry = strings.TrimSpace(entry)
		if entry == "*" {
			return true
		}
		if prefix, err := netip.ParsePrefix(entry); err == nil && prefix.Contains(addr) {
			return true
		}
		if name, port, err := net.SplitHostPort(entry); err == nil {
			if port != u.Port() {
				continue
			}
			entry = name
		}
		domain := strings.TrimPrefix(entry, "*")
		if entry != "" && (host == entry || strings.HasSuffix(host, "."+strings.TrimPrefix(domain, "."))) {
			return true
		}
	}
	return false
}
