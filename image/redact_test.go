package image

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Errors do not quote the signed addresses of blobs: they give access without a
// password.
func TestSignedAddressesStaySecret(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "<Error><Code>SignatureDoesNotMatch</Code><CanonicalRequest>GET %s</CanonicalRequest></Error>", r.URL)
	}))
	t.Cleanup(elsewhere.Close)
	const secret = "?X-Amz-Credential=AKIASECRET&X-Amz-Signature=c0ffee#part"
	for what, location := range map[string]string{
		"nobody answers":  "http://user:AKIASECRET@127.0.0.1:1/bucket/blob" + secret,
		"it is no URL":    "http://127.0.0.1:1/bucket/%zz" + secret,
		"a redirect loop": "",
		"it is quoted":    elsewhere.URL + "/bucket/blob" + secret,
	} {
		t.Run(what, func(t *testing.T) {
			r, text := seeded(t)
			r.Fault(func(w http.ResponseWriter, req *http.Request) bool {
				if !strings.Contains(req.URL.Path, "/blobs/") {
					return false
				}
				to := location
				if to == "" {
					to = req.URL.Path + secret
				}
				w.Header().Set("Location", to)
				w.WriteHeader(http.StatusTemporaryRedirect)
				return true
			})
			l, _ := patient()
			_, err := patched(t, l, text)
			if err == nil {
				t.Fatal("the blob was read")
			}
			for _, part := range []string{"AKIASECRET", "c0ffee"} {
				if strings.Contains(err.Error(), part) {
					t.Errorf("%q is in the error: %v", part, err)
				}
			}
		})
	}
}

// Nor do they quote the signed addresses of uploads.
func TestSignedUploadsStaySecret(t *testing.T) {
	r, text := seeded(t)
	l, _ := patient()
	img, err := patched(t, l, text)
	must(t, err)
	for what, location := range map[string]string{
		"nobody answers": "http://127.0.0.1:1/upload?X-Amz-Signature=c0ffee",
		"it is no URL":   "http://127.0.0.1:1/%zz?X-Amz-Signature=c0ffee",
	} {
		r.Fault(func(w http.ResponseWriter, req *http.Request) bool {
			if req.Method != http.MethodPost {
				return false
			}
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusAccepted)
			return true
		})
		l, _ := patient()
		if err := putTo(t, l, r.Host+"/app:2", img); err == nil || strings.Contains(err.Error(), "c0ffee") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
