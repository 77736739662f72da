package registry

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/web"
)

// registryError says why a request to a registry failed, and what to do.
func registryError(host string, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = fmt.Errorf("%s %s: %w", strings.ToUpper(u.Op), web.Redact(u.URL), u.Err)
	}
	err = oci.WithKind(err, oci.ErrUnreachable)
	if len(hint.Of(err)) > 0 {
		return err
	}
	if advice := registryHint(host, err); advice != "" {
		return hint.Add(err, advice)
	}
	return err
}

// IsNotFound reports whether a registry answered that something does not exist.
func IsNotFound(err error) bool {
	t, ok := errors.AsType[*transport.Error](err)
	return ok && t.StatusCode == http.StatusNotFound
}

// isRefused reports whether a registry or its token server refused access.
func isRefused(err error) bool {
	t, ok := errors.AsType[*transport.Error](err)
	return ok && (t.StatusCode == http.StatusUnauthorized || t.StatusCode == http.StatusForbidden || t.StatusCode == http.StatusBadRequest)
}

func registryHint(host string, err error) string {
	var unknown x509.UnknownAuthorityError
	var unconnected net.Error
	t, isAnswer := errors.AsType[*transport.Error](err)
	switch {
	case isAnswer && t.StatusCode == http.StatusRequestEntityTooLarge:
		return "the registry, or a proxy before it, takes no blob of that size: raise its limit (nginx: client_max_body_size)"
	case isAnswer && strings.Contains(strings.ToLower(err.Error()), "immutable"):
		return "the registry does not let a tag be moved: write to a new one with --tag"
	case isAnswer && slices.ContainsFunc(t.Errors, func(d transport.Diagnostic) bool { return d.Code == transport.NameUnknownErrorCode }):
		return "the registry has no such repository: check the name; some registries want it created before a push"
	case isAnswer && t.StatusCode == http.StatusProxyAuthRequired, strings.Contains(err.Error(), http.StatusText(http.StatusProxyAuthRequired)):
		return "the proxy asks for a login: https_proxy=http://USER:PASSWORD@HOST:PORT"
	case isAnswer && (t.StatusCode == http.StatusUnauthorized || t.StatusCode == http.StatusForbidden):
		return "log in with docker login or podman login " + host + ", and check that the account may do this"
	case isAnswer && t.StatusCode == http.StatusNotFound:
		return "check the name and the tag; for a private repository log in first: docker login or podman login " + host
	case isAnswer && t.StatusCode == http.StatusTooManyRequests:
		return "the registry limits how often it is asked: log in, or try again later"
	case errors.As(err, &unknown):
		return "if the registry has a certificate of a company's own CA, name it with --registry-ca FILE"
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "if the registry has no TLS, say so with --insecure-registry " + host
	case errors.As(err, &unconnected):
		return "check the registry's name, the network and the proxy (https_proxy)"
	}
	return ""
}
