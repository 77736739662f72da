package readers

import (
	"testing"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/cases"
)

// A reader that loads only the needed part of its places decides as with all of
// them.
func TestDecideLoadsEnough(t *testing.T) {
	now := time.Now()
	servers, stores := cases.Stores(t, now)
	for _, s := range stores {
		for _, r := range table {
			i := instance(t, rootOf(s), s.Env, r.id, "")
			held, _ := i.Load()
			for _, server := range servers {
				sent := parsed(t, server.Sent)
				want, got := i.Judge(sent, held, server.Host, now), i.Decide(Case{Sent: sent, Host: server.Host, At: now})
				if got.Trusted != want.Trusted || got.Cause != want.Cause {
					t.Errorf("%s of %s, server %s: %v %s, with all that it loads %v %s", s.ID, r.id, server.ID, got.Trusted, got.Cause, want.Trusted, want.Cause)
				}
			}
		}
	}
}

// Certificates of the case count as if every reader had them.
func TestDecideWith(t *testing.T) {
	now := time.Now()
	servers, stores := cases.Stores(t, now)
	server := servers[0]
	for _, s := range stores {
		with := &certs.Set{}
		with.Add(parsed(t, server.Trust)[0], "ca.pem")
		i := instance(t, rootOf(s), s.Env, "openssl", "")
		if d := i.Decide(Case{Sent: parsed(t, server.Sent), Host: server.Host, At: now, With: with}); !d.Trusted || d.Blind {
			t.Errorf("%s: %+v", s.ID, d.Fault)
		}
	}
}
