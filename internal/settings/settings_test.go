package settings_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/internal/settings"
)

// found returns the result of [settings.Find], one line for each setting.
func found(files map[string]string, environ map[string]string) []string {
	root := fstest.MapFS{}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	out := []string{}
	for _, s := range settings.Find(root, environ) {
		line := fmt.Sprintf("%s %s", s, s.Value)
		if s.Password != "" {
			line += " with " + s.Password
		}
		out = append(out, line)
	}
	return out
}

// The configuration files of each program, in its own format.
func TestFind(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"etc/gitconfig", "[http]\n\tsslCAInfo = /opt/corp.pem\n", []string{"http.sslcainfo in /etc/gitconfig, line 2, /opt/corp.pem"}},
		{"root/.gitconfig", "# [http]\n[user]\nname = A\n[HTTP \"https://git.corp\"] SSLCAINFO=\"~/ca \\\"x\\\".pem\" ; ours\n", []string{`http.sslcainfo in /root/.gitconfig, line 4, /root/ca "x".pem`}},
		{"home/dev/.config/git/config", "[http]\nsslCAPath = /opt/cas\nsslVerify = false\nsslCAInfo\n", []string{"http.sslcapath in /home/dev/.config/git/config, line 2, /opt/cas"}},
		{"root/.gitconfig", "[http]\nsslCAInfo = /opt/\\\nx.pem\n[core]\nsslCAInfo = /y\n", []string{"http.sslcainfo in /root/.gitconfig, line 2, /opt/x.pem"}},
		{"root/.gitconfig", "[http]\nsslCAInfo = corp.pem\n", []string{"http.sslcainfo in /root/.gitconfig, line 2, corp.pem"}},
		{".npmrc", "registry=https://r/\ncafile = \"/opt/npm.pem\"\n;cafile=/no\n", []string{"cafile in /.npmrc, line 2, /opt/npm.pem"}},
		{"home/dev/.npmrc", "cafile=${HOME}/npm.pem # ours\nca=null\n", []string{"cafile in /home/dev/.npmrc, line 1, /home/dev/npm.pem"}},
		{"root/.npmrc", `ca[]="-----BEGIN CERTIFICATE-----\nMII"` + "\n", []string{`ca[] in /root/.npmrc, line 1, -----BEGIN CERTIFICATE-----\nMII`}},
		{"root/.yarnrc.yml", "httpsCaFilePath: \"/opt/y.pem\" # ours\nnetworkSettings:\n  \"*.corp\":\n    httpsCaFilePath: /no\n", []string{"httpsCaFilePath in /root/.yarnrc.yml, line 1, /opt/y.pem"}},
		{"etc/pip.conf", "[global]\ncert = /opt/pip.pem\r\n[install]\ncert: ~/p.pem\n# cert=/no\n", []string{"cert in /etc/pip.conf, line 2, /opt/pip.pem", "cert in /etc/pip.conf, line 4, /root/p.pem"}},
		{"root/.curlrc", "\ufeff# cacert = /no\n--cacert /opt/c.pem\n capath = \"/opt/with blank\"\nproxy-cacert=/opt/p.pem # ours\nsilent\n", []string{
			"cacert in /root/.curlrc, line 2, /opt/c.pem", "capath in /root/.curlrc, line 3, /opt/with blank", "proxy-cacert in /root/.curlrc, line 4, /opt/p.pem",
		}},
		{"root/.condarc", "channels:\n  - defaults\nssl_verify: /opt/conda.pem\n", []string{"ssl_verify in /root/.condarc, line 3, /opt/conda.pem"}},
		{"opt/conda/.condarc", "ssl_verify: truststore\n", nil},
		{"root/.condarc", "ssl_verify: true\n#ssl_verify: /no\n", nil},
		{"root/.gradle/gradle.properties", "systemProp.javax.net.ssl.trustStorePassword=secret\nsystemProp.javax.net.ssl.trustStore=/opt/t\\:1.jks\norg.gradle.jvmargs=-Xmx2g -Djavax.net.ssl.trustStore=/opt/d.jks\n", []string{
			"systemProp.javax.net.ssl.trustStore in /root/.gradle/gradle.properties, line 2, /opt/t:1.jks with secret",
			"org.gradle.jvmargs in /root/.gradle/gradle.properties, line 3, /opt/d.jks with secret",
		}},
		{"etc/wgetrc", "#ca_certificate=/no\nCA-Certificate = /opt/w.pem\nca_directory=/opt/cas\n", []string{"cacertificate in /etc/wgetrc, line 2, /opt/w.pem", "cadirectory in /etc/wgetrc, line 3, /opt/cas"}},
		{"etc/apt/apt.conf", "Acquire::https::CAInfo \"/opt/apt.pem\"; # ours\n// CaInfo \"/no\";\nAcquire { https { CaInfo \"/opt/apt2.pem\"; }; };\n", []string{
			"cainfo in /etc/apt/apt.conf, line 1, /opt/apt.pem", "cainfo in /etc/apt/apt.conf, line 3, /opt/apt2.pem",
		}},
		{"home/dev/Downloads/.npmrc", "cafile=/no\n", nil},
	} {
		if got := found(map[string]string{c.name: c.text}, nil); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%s\nis %q\nnot %q", c.name, c.text, got, c.want)
		}
		if !settings.Reads(c.name) && c.want != nil {
			t.Errorf("%s is not kept of an image", c.name)
		}
	}
}

// A gitconfig includes others, from any directory. Files that include each other
// are read once.
func TestIncludes(t *testing.T) {
	got := found(map[string]string{
		"root/.gitconfig":         "[include]\n\tpath = git/one\n\tpath = /etc/two\n\tpath = missing\n[includeIf \"gitdir:~/work/\"]\n\tpath = ~/work/.gitconfig\n",
		"root/git/one":            "[include]\npath = ../.gitconfig\n[http]\nsslCAInfo = /1.pem\n",
		"etc/two":                 "[include]\npath = two\n[http]\nsslCAInfo = ~/2.pem\n",
		"root/work/.gitconfig":    "[http]\nsslCAInfo = /3.pem\n",
		"root/.config/git/config": "[include]\npath = ../../git/one\n",
	}, nil)
	if want := []string{"http.sslcainfo in /root/git/one, line 4, /1.pem", "http.sslcainfo in /etc/two, line 4, /root/2.pem", "http.sslcainfo in /root/work/.gitconfig, line 2, /3.pem"}; !slices.Equal(got, want) {
		t.Errorf("%q\nnot %q", got, want)
	}
}

// An endless chain of includes is cut. A file that is too large, or not regular,
// is skipped.
func TestBounds(t *testing.T) {
	files := map[string]string{}
	for i := range 100 {
		files[fmt.Sprintf("root/%d", i)] = fmt.Sprintf("[include]\npath = %d\n[http]\nsslCAInfo = /%d.pem\n", i+1, i)
	}
	files["root/.gitconfig"] = "[include]\npath = 0\n"
	if n := len(found(files, nil)); n != 10 {
		t.Errorf("%d of a chain of includes are read", n)
	}
	if got := found(map[string]string{"root/.curlrc": strings.Repeat("# long\n", 1<<20) + "cacert=/x\n", "root/.npmrc/is/a/directory": ""}, nil); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

// Variables of the environment name the files.
func TestFindByEnvironment(t *testing.T) {
	files := map[string]string{
		"srv/me/.curlrc": "cacert=/1\n", "opt/git": "[http]\nsslCAInfo=/2\n", "opt/curl/.curlrc": "cacert=/3\n", "opt/venv/pip.conf": "[global]\ncert=${CAS}/4\n", "opt/wgetrc": "ca_certificate=/5\n",
	}
	got := found(files, map[string]string{"HOME": "/srv/me", "GIT_CONFIG_GLOBAL": "/opt/git", "CURL_HOME": "/opt/curl", "VIRTUAL_ENV": "/opt/venv", "WGETRC": "/opt/wgetrc", "CAS": "/cas", "PIP_CONFIG_FILE": "relative"})
	var values []string
	for _, line := range got {
		values = append(values, line[strings.LastIndex(line, " ")+1:])
	}
	if want := []string{"/2", "/cas/4", "/1", "/3", "/5"}; !slices.Equal(values, want) {
		t.Errorf("%q", got)
	}
}

func TestJava(t *testing.T) {
	for options, want := range map[string]string{
		"-Xmx1g": "", "-Djavax.net.ssl.trustStore=/a": "/a", "-Djavax.net.ssl.trustStore=/a -Djavax.net.ssl.trustStore=/b -Djavax.net.ssl.trustStorePassword=p": "/b p",
		"\t-a  \"-b c\" -Djavax.net.ssl.trustStore='/e f'\t-g": "/e f", `"-Djavax.net.ssl.trustStore=/a b"`: "/a b", `-Djavax.net.ssl.trustStore='/a b'`: "/a b", "-Djavax.net.ssl.trustStore=NONE": "",
		"-Djavax.net.ssl.trustStore=/dev/null -Djavax.net.ssl.trustStoreType=pkcs11": "",
	} {
		name, password := settings.Java(options)
		if got := strings.TrimSpace(name + " " + password); got != want {
			t.Errorf("%s: %q", options, got)
		}
	}
	for options, want := range map[string]string{"+S 2": "", `-public_key cacerts_path '"/opt/e.pem"'`: "/opt/e.pem", `-public_key cacerts_path "/opt/e.pem" +S 2`: "/opt/e.pem"} {
		if got := settings.Erlang(options); got != want {
			t.Errorf("%s: %q", options, got)
		}
	}
}

// FuzzFind checks that any text can be read.
func FuzzFind(f *testing.F) {
	f.Add("[http \"a\\\"]\"]\nsslCAInfo = \"x\\\n")
	f.Add("ca[]=\n:=\n \"\n")
	f.Add("Acquire{a{b\"c\";};\n\\\n")
	f.Fuzz(func(_ *testing.T, text string) {
		files := map[string]string{}
		for _, name := range []string{"etc/gitconfig", "etc/npmrc", "etc/pip.conf", "root/.curlrc", "root/.condarc", "root/.gradle/gradle.properties", "etc/wgetrc", "etc/apt/apt.conf"} {
			files[name] = text
		}
		found(files, map[string]string{"HOME": text})
		settings.Java(text)
		settings.Erlang(text)
	})
}
