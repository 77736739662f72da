package web

import (
	"net/http"
	"strings"
	"testing"
)

// A variable that is not a URL is an error for requests that would use its proxy.
// The error does not quote the value.
func TestProxyThatIsNoURL(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"} {
		t.Setenv(name, "")
	}
	ask := func(address string) error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Proxy(req)
		return err
	}
	if err := ask("https://registry.example.com/v2/"); err != nil {
		t.Errorf("no variable: %v", err)
	}
	for _, value := range []string{"http://proxy corp:3128", "http://ann:s3cret@[::1", "http://proxy:s3cret", "%zz"} {
		t.Setenv("https_proxy", value)
		err := ask("https://registry.example.com/v2/")
		if err == nil || !strings.Contains(err.Error(), "https_proxy") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", value, err)
		}
		if err := ask("http://registry.example.com/v2/"); err != nil {
			t.Errorf("%q, for http: %v", value, err)
		}
	}
	for _, value := range []string{"http://proxy:3128", "proxy.example.com:3128", "proxy", "socks5://proxy:1080"} {
		t.Setenv("https_proxy", value)
		if err := ask("https://registry.example.com/v2/"); err != nil {
			t.Errorf("%q: %v", value, err)
		}
	}
	t.Setenv("https_proxy", "%zz")
	for list, all := range map[string]string{
		"": "https://localhost:5000 https://127.0.0.3 https://[::1]:5000", "*": "https://a.example", "x.example, .corp.example": "https://x.example https://a.x.example https://r.corp.example:5000",
		"*.corp.example": "https://r.corp.example", "r.example:5000": "https://r.example:5000", "10.0.0.0/8,192.0.2.1": "https://10.1.2.3 https://192.0.2.1", "X.Example": "https://x.example",
	} {
		t.Setenv("no_proxy", list)
		for address := range strings.FieldsSeq(all) {
			if err := ask(address); err != nil {
				t.Errorf("no_proxy=%s: %s: %v", list, address, err)
			}
		}
		for _, address := range []string{"https://example.com", "https://ax.example", "https://r.example", "https://11.0.0.1"} {
			if err := ask(address); err == nil && list != "*" {
				t.Errorf("no_proxy=%s: %s goes around the proxy", list, address)
			}
		}
	}
	t.Setenv("no_proxy", "")
	t.Setenv("HTTPS_PROXY", "%zz")
	if err := ask("https://example.com"); err == nil || !strings.Contains(err.Error(), "HTTPS_PROXY") {
		t.Errorf("%v", err)
	}
}
