package readers

import (
	"os"
	"testing"

	"github.com/certgraft/certgraft/rootfs"
)

// BenchmarkFindAndLoad measures the work of verify on a root before it can judge.
// BENCH_ROOT names the root; the default is /.
func BenchmarkFindAndLoad(b *testing.B) {
	dir := "/"
	if at := os.Getenv("BENCH_ROOT"); at != "" {
		dir = at
	}
	for name, do := range map[string]func(Instance){"find": func(Instance) {}, "load": func(i Instance) { i.Load() }, "warm": Instance.Warm} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				root, closer, err := rootfs.ReadOnly(dir)
				if err != nil {
					b.Fatal(err)
				}
				for _, i := range In(rootfs.NewOverlay(root), nil) {
					do(i)
				}
				closer.Close()
			}
		})
	}
}
