package image

import (
	"net/http"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/roottest"
)

// moved patches an image of one registry into others, and returns how often
// each blob was requested.
func moved(t *testing.T, r *roottest.Registry, text string, to ...string) (map[string]int, *Image) {
	t.Helper()
	l, _ := patient()
	var destinations []Location
	for _, name := range to {
		at, err := l.Parse(name)
		must(t, err)
		destinations = append(destinations, at)
	}
	r.Requests()
	img, err := getFrom(t, l, text)
	must(t, err)
	result, err := Update(t.Context(), img, edit, Options{Destinations: destinations, Reads: func(name string) bool { return name == "etc/b" }})
	must(t, err)
	for _, at := range destinations {
		must(t, at.Put(t.Context(), result.Image))
	}
	asked := map[string]int{}
	for _, request := range r.Requests() {
		if blob, ok := strings.CutPrefix(request, "GET blobs/"); ok {
			asked[blob]++
		}
	}
	for _, name := range to {
		if again, err := getFrom(t, l, name); err != nil || again.Descriptor.Digest != result.Image.Descriptor.Digest {
			t.Errorf("%s: %v", name, err)
		} else if _, err := Update(t.Context(), again, edit, Options{}); err != nil { // every layer arrived complete
			t.Error(err)
		}
	}
	return asked, result.Image
}

// A layer that is read and copied is downloaded once, for any number of
// destinations.
func TestRelay(t *testing.T) {
	r, text := seeded(t)
	one, two := roottest.NewRegistry(t), roottest.NewRegistry(t)
	asked, _ := moved(t, r, text, one.Host+"/x:1", two.Host+"/y:1")
	if len(asked) != 3 { // two layers and the config
		t.Errorf("%v", asked)
	}
	for blob, n := range asked {
		if n != 1 && blob != string(configOf(t, &Locations{}, text)) {
			t.Errorf("%s was read %d times", blob, n)
		}
	}
	up, _ := one.Moved()
	asked, _ = moved(t, r, text, one.Host+"/x:1")
	if again, _ := one.Moved(); again > 0 || up == 0 {
		t.Errorf("%d bytes were sent again, %d before: %v", again, up, asked)
	}
	moved(t, r, text, r.Host+"/elsewhere:1")
	if up, _ := r.Moved(); up == 0 || up > 2000 {
		t.Errorf("%d bytes were sent to the registry that has the layers", up)
	}
}

// A failed upload is repeated, and a layer that does not match its digest
// arrives nowhere.
func TestRelayFails(t *testing.T) {
	for what, fault := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"no place":    faulty(1, "POST", "/uploads/", status(403)),
		"refused":     faulty(1, "PUT", "/uploads/", status(403)),
		"broken off":  faulty(2, "PUT", "/uploads/", reset),
		"server's":    faulty(1, "PUT", "/uploads/", status(500)),
		"no HEAD":     faulty(99, "HEAD", "/blobs/", status(405)),
		"never asked": nil,
	} {
		t.Run(what, func(t *testing.T) {
			r, text := seeded(t)
			other := roottest.NewRegistry(t)
			other.Fault(fault)
			moved(t, r, text, other.Host+"/x:1")
		})
	}
	r, text := seeded(t)
	other := roottest.NewRegistry(t)
	l, _ := patient()
	img, err := getFrom(t, l, text)
	must(t, err)
	m, err := oci.ParseManifest(img.Descriptor.MediaType, img.Raw())
	must(t, err)
	r.Spoil(string(m.Layers[0].Digest), func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
	at, err := l.Parse(other.Host + "/x:1")
	must(t, err)
	if _, err := Update(t.Context(), img, edit, Options{Destinations: []Location{at}}); err == nil {
		t.Error("a layer that is not what it says is taken")
	}
	if other.Has("x", string(m.Layers[0].Digest)) {
		t.Error("it was sent on")
	}
}
