package bundles

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// Secrets of a URL appear in no error and in no line of the log.
func TestURLsStaySecret(t *testing.T) {
	const address = "https://SECRET1:SECRET2@x.example/ca.pem?token=SECRET3#SECRET4"
	for name, first := range map[string]func(*http.Request) (*http.Response, error){
		"no connection":        fails(io.ErrUnexpectedEOF),
		"a server that fails":  answer(503, ""),
		"a body that ends":     broken("x"),
		"a redirect":           answer(302, "", "Location", "https://y.example/?token=SECRET5"),
		"a redirect to http":   answer(302, "", "Location", "http://y.example/?token=SECRET5"),
		"a redirect to no URL": answer(302, "", "Location", "https://y.example/%zz?token=SECRET5"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
				_, err := Load(t.Context(), Options{Transport: &server{answers: list(first)}, Logger: log}, address)
				if err == nil || !strings.Contains(out.String(), "https://x.example/ca.pem") {
					t.Errorf("the error is %v, and the log:\n%s", err, out.String())
				}
				for _, text := range []string{err.Error(), out.String()} {
					if strings.Contains(text, "SECRET") {
						t.Error(text)
					}
				}
			})
		})
	}
}
