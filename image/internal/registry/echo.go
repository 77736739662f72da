package registry

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// terse bounds the bodies of errors and of pings: a huge error must not hide
// the status. It removes the passwords and tokens that an error echoes.
type terse struct{ inner http.RoundTripper }

func (t *terse) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.inner.RoundTrip(req)
	if err != nil || resp.StatusCode < http.StatusBadRequest && !isPing(req) {
		return resp, err
	}
	said, err := io.ReadAll(io.LimitReader(resp.Body, maxSaid))
	if err != nil && len(said) == 0 && resp.StatusCode < http.StatusBadRequest {
		resp.Body.Close()
		return nil, err
	}
	for _, secret := range secretsOf(req) {
		said = bytes.ReplaceAll(said, []byte(secret), []byte("[left out]"))
	}
	resp.Body = oci.ReadCloser{Reader: bytes.NewReader(said), Closer: resp.Body}
	resp.ContentLength = int64(len(said))
	return resp, nil
}

// maxSaid bounds such a body, in bytes.
const maxSaid = 4 << 10

func isPing(req *http.Request) bool { return req.Method == http.MethodGet && req.URL.Path == "/v2/" }

// secretsOf returns the passwords and tokens in a request, in the spellings
// that a server may echo.
func secretsOf(req *http.Request) (secrets []string) {
	add := func(secret string) {
		if len(secret) > 2 {
			secrets = append(secrets, secret, url.QueryEscape(secret), strings.ReplaceAll(secret, "/", `\/`))
		}
	}
	scheme, credential, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	add(credential)
	if pair, err := base64.StdEncoding.DecodeString(credential); err == nil && strings.EqualFold(scheme, "basic") {
		_, password, _ := strings.Cut(string(pair), ":")
		add(password)
	}
	for key, values := range formOf(req) {
		if key == "password" || key == "refresh_token" {
			add(values[0])
		}
	}
	return secrets
}

// formOf returns the form in the body of a request to a token server.
func formOf(req *http.Request) url.Values {
	if req.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || req.GetBody == nil {
		return nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, 1<<20))
	if err != nil {
		return nil
	}
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return nil
	}
	return form
}
