package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
)

// Proxy is [http.ProxyFromEnvironment], but for a variable that holds no URL. That
// function passes over it, and the request goes around the proxy, which may mean
// that nothing ever answers; or it takes a part of it for a host.
func Proxy(req *http.Request) (*url.URL, error) {
	name, value := firstSet(strings.ToUpper(req.URL.Scheme)+"_PROXY", strings.ToLower(req.URL.Scheme)+"_proxy")
	if value != "" && !isProxy(value) && !spared(req.URL) {
		return nil, proxyError(name)
	}
	return http.ProxyFromEnvironment(req)
}

// proxyError names the variable, and not what it holds: there may be a password.
type proxyError string

func (e proxyError) Error() string { return "the variable " + string(e) + " is no URL of a proxy" }

// Hint is as of package hint.
func (e proxyError) Hint() string {
	return "write " + string(e) + "=http://HOST:PORT, or go without a proxy: unset " + string(e)
}

// firstSet returns the first of variables that is not empty, with its value.
func firstSet(names ...string) (name, value string) {
	for _, name := range names {
		if value := os.Getenv(name); value != "" { //nolint:forbidigo // environ.go names it
			return name, value
		}
	}
	return "", ""
}

// isProxy reports whether a value is the URL of a proxy, or one without its scheme.
func isProxy(value string) bool {
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	return err == nil && u.Host != ""
}

// spared reports whether NO_PROXY excludes the host of an address, or it is the
// machine itself.
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
