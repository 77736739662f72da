package image

import (
	"path"
	"strings"
	"testing"
)

// Only lines of a history with one possible meaning are believed.
func TestCopyTo(t *testing.T) {
	for line, want := range map[string]string{
		"COPY . /app # buildkit": "/app", "COPY --chown=1:1 --from=build /out/a /out/b /srv/app/ # buildkit": "/srv/app", "ADD https://x/y.tar /data # buildkit": "/data",
		"COPY x rel # buildkit": "/work/rel", "COPY x . # buildkit": "/work", "COPY / / # buildkit": "/", "COPY x ../etc # buildkit": "/etc",
		"/bin/sh -c #(nop) COPY dir:0123 in /app ": "/app", "/bin/sh -c #(nop) ADD file:0123 in / ": "/", "/bin/sh -c #(nop) COPY multi:1 in rel/ ": "/work/rel",
		"RUN /bin/sh -c make # buildkit": "", "COPY . /app": "", "/bin/sh -c cp x /app": "", `COPY ["a b","/app"] # buildkit`: "", "COPY x $DIR # buildkit": "", "COPY x /a'b # buildkit": "",
		"COPY <<EOF /app # buildkit": "", "/bin/sh -c #(nop) COPY a b in /app ": "", "COPY /app # buildkit": "", "WORKDIR /app # buildkit": "", "bazel build //x": "", "": "",
	} {
		if got := copyTo(line, "/work"); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	if got := copyTo("COPY x rel # buildkit", ""); got != "" {
		t.Errorf("relative to who knows what: %q", got)
	}
}

func TestAside(t *testing.T) {
	for to, want := range map[string]bool{
		"/app": true, "/srv/www": true, "/opt/app": true, "/home/user/app": true, "/data": true,
		"/": false, "/etc": false, "/etc/app": false, "/usr/src/app": false, "/opt": false, "/opt/java/x": false, "/var/www": false, "/lib": false, "/opt/jdk-21": false, "/app/.venv": false, "/opt/Python3": false, "/certs": false, "/app/cert": false, "/app/Certificates": false, "/srv/cacert.pem": false,
	} {
		if got := aside(to); got != want {
			t.Errorf("%s: %v", to, got)
		}
	}
}

// FuzzHistory reads build steps. A believed copy has one place, clean and
// absolute, outside the places that matter.
func FuzzHistory(f *testing.F) {
	for _, step := range []string{
		"COPY --chown=1 a b /opt/app # buildkit", "/bin/sh -c #(nop) COPY dir:0 in /srv ", "ADD x ../.. # buildkit", "WORKDIR /app", "COPY a / # buildkit",
		"COPY a /opt/../etc # buildkit", "RUN /bin/sh -c true # buildkit", "COPY [\"a\"] # buildkit",
	} {
		f.Add(step, "/app")
	}
	f.Fuzz(func(t *testing.T, createdBy, workdir string) {
		to := copyTo(createdBy, workdir)
		if to == "" {
			return
		}
		if path.Clean(to) != to {
			t.Errorf("%q leads to %q", createdBy, to)
		}
		if path.IsAbs(workdir) && aside(to) && (!path.IsAbs(to) || strings.HasPrefix(to+"/", "/etc/")) {
			t.Errorf("%q is aside: %q", createdBy, to)
		}
	})
}
