package command_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// A run refuses two writers of one place before it reads anything. It does so for
// every spelling of the place, and whichever part of the list has the writers. The
// first image would otherwise be lost.
func TestI3TwoWritersOfOnePlace(t *testing.T) {
	corp := filepath.Join("..", "..", "testdata", "bundles", "corp.pem")
	dir := t.TempDir()
	if err := os.Symlink(dir, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for what, to := range map[string][2]string{
		"a tag":              {"registry.example.com/app:1", "registry.example.com/app:1"},
		"a default tag":      {"registry.example.com/app", "docker://registry.example.com/app:latest"},
		"a default registry": {"app:1", "docker.io/library/app:1"},
		"a layout":           {"oci:" + dir + "/new:1", "oci:" + dir + "/./link/new:1"},
		"a layout's only":    {"oci:" + dir + "/new:1", "oci:" + dir + "/new"},
		"the other way":      {"oci:" + dir + "/new", "oci:" + dir + "/link/new:1"},
		"an archive's only":  {"docker-archive:" + dir + "/a.tar", "docker-archive:" + dir + "/a.tar:app:1"},
		"an archive":         {"docker-archive:" + dir + "/a.tar:app:1", "docker-archive:" + dir + "/link/a.tar:app:1"},
		"an archive's name":  {"docker-archive:" + dir + "/a.tar:app", "docker-archive:" + dir + "/a.tar:docker.io/library/app:latest"},
		"an engine":          {"docker-daemon:app", "docker-daemon:app:latest"},
	} {
		t.Run(what, func(t *testing.T) {
			list := imageList(t, "oci:"+dir+"/absent:1 "+to[0], "# between", "oci:"+dir+"/absent:2 "+to[1])
			for _, args := range [][]string{{"patch", "--from-file", list, corp}, {"patch", "--from-file", list, corp, "--shard", "0/2"}, {"remove", "--from-file", list, "--all"}} {
				if _, errs := run(t, 2, args...); !strings.Contains(errs, list+":3: "+to[1]+" is written already, by line 1") || !strings.Contains(errs, "hint: give each image a destination of its own") {
					t.Errorf("%s", errs)
				}
			}
			if _, errs := run(t, 2, "patch", "oci:"+dir+"/absent:1", corp, "--tag", to[0], "--tag", to[1]); !strings.Contains(errs, to[1]+" is written twice") {
				t.Errorf("%s", errs)
			}
		})
	}
	for _, to := range [][2]string{{"registry.example.com/app:1", "registry.example.com/app:2"}, {"oci:" + dir + "/new:1", "oci:" + dir + "/new:2"}, {"docker-archive:" + dir + "/a.tar:x", "docker-archive:" + dir + "/a.tar:y"}} {
		list := imageList(t, "oci:"+dir+"/absent:1 "+to[0], "oci:"+dir+"/absent:2 "+to[1])
		run(t, 1, "patch", "--from-file", list, corp) // the images are missing
	}
}

// The byte order mark that editors on Windows write is not part of a name.
func TestI12ByteOrderMark(t *testing.T) {
	l := roottest.NewLayout(t)
	from := l.Tag(l.Image(roottest.Image{Layers: [][]byte{roottest.Tar(t, roottest.File("etc/ssl/certs/ca-certificates.crt", ""))}}), "x")
	to := "oci:" + t.TempDir() + ":y"
	corp := filepath.Join("..", "..", "testdata", "bundles", "corp.pem")
	if out, _ := run(t, 0, "patch", "--from-file", imageList(t, "\ufeff"+from+" "+to+"\r", ""), corp); out != to+"\n" {
		t.Errorf("%q", out)
	}
	if out, _ := run(t, 0, "inspect", "--from-file", imageList(t, "\ufeff# a comment", to)); !strings.HasSuffix(out, "total: 1 image: 1 inspected\n") {
		t.Errorf("%q", out)
	}
}

// A warning that images on one base share is written once, with the names of the
// first ones. A dropped attestation is one of many.
func TestFleetSaysItOnce(t *testing.T) {
	l := roottest.NewLayout(t)
	var lines []string
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		var children []roottest.Descriptor
		for _, platform := range []string{"linux/amd64", "linux/arm64"} {
			image := l.Image(roottest.Image{Packed: "gzip", Platform: platform, Layers: [][]byte{roottest.Tar(t,
				roottest.File("etc/ssl/certs/ca-certificates.crt", ""), roottest.File("usr/local/bin/node", ""), roottest.File("srv/"+name, platform))}})
			attestation := l.Image(roottest.Image{Layers: [][]byte{[]byte("{}")}})
			attestation["annotations"] = map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image.Digest()}
			children = append(children, image, attestation)
		}
		lines = append(lines, l.Tag(l.Index(roottest.OCIIndex, nil, children...), name)+" oci:"+l.Dir+":"+name+"-ca")
	}
	corp := filepath.Join("..", "..", "testdata", "bundles", "corp.pem")
	_, errs := run(t, 0, "patch", "--from-file", imageList(t, lines...), corp, "--env", "none")
	for _, text := range []string{"and 2 more: Node ", "and 2 more: dropped the attestation: ", "total: 5 images: 5 changed"} {
		if n := strings.Count(errs, text); n != 1 {
			t.Errorf("%q stands there %d times:\n%s", text, n, errs)
		}
	}
	if lines := strings.Count(errs, "\n"); lines > 12 {
		t.Errorf("%d lines for five images:\n%s", lines, errs)
	}
	// The platforms of one image share their warnings too.
	from, _, _ := strings.Cut(lines[0], " ")
	if _, errs := run(t, 0, "patch", from, corp, "--env", "none", "--dry-run"); strings.Count(errs, "note: linux/amd64; linux/arm64: Node ") != 1 || strings.Count(errs, ": Node ") != 1 {
		t.Errorf("%s", errs)
	}
}

// Images on one base share the oddities of their stores too.
func TestFleetSaysWhatIsOddOnce(t *testing.T) {
	for command, odd := range map[string]roottest.Entry{
		"inspect": roottest.File("etc/ssl/certs/ca-certificates.crt", "-----BEGIN CERTIFICATE-----\nMIIB!!!\n-----END CERTIFICATE-----\n"),
		"diff":    roottest.Dir("etc/ssl/cert.pem/"),
	} {
		t.Run(command, func(t *testing.T) {
			l := roottest.NewLayout(t)
			var lines []string
			for _, name := range []string{"a", "b"} {
				line := l.Tag(l.Image(roottest.Image{Layers: [][]byte{roottest.Tar(t, odd, roottest.File("srv/"+name, ""))}}), name)
				if command == "diff" {
					line = "oci:" + l.Dir + ":a " + line
				}
				lines = append(lines, line)
			}
			_, errs := run(t, 0, command, "--from-file", imageList(t, lines...))
			if strings.Count(errs, "warning: ") != 1 || !strings.Contains(errs, "warning: oci:"+l.Dir+":a; oci:"+l.Dir+":b: ") {
				t.Errorf("%s", errs)
			}
		})
	}
}
