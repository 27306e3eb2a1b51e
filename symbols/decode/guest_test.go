package decode

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ktrap/symbols"
	"ktrap/symbols/symtest"
)

// kasanBuildID is of the kernel that printed the k612 logs of the corpus,
// crashmeBuildID of the module that crashed it.
const (
	kasanBuildID   = "c8a8e194011bcb8fa38bc1204263970d4918ae54"
	crashmeBuildID = "bf9aad3e150938694498a317ce4f3b548437287f"
)

// guestLogs gives the logs of crashes caused on purpose on the KASAN kernel:
// $KTRAP_CORPUS, else beside the project.
func guestLogs(t testing.TB) []string {
	t.Helper()
	dir := os.Getenv("KTRAP_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	list, err := filepath.Glob(filepath.Join(dir, "guest", "k612-*.log"))
	if err != nil || len(list) == 0 {
		t.Skipf("NO CORPUS: %s has no guest/k612-*.log; set KTRAP_CORPUS", dir)
	}
	return list
}

// kasanKernel gives vmlinux and module that printed the k612 logs.
func kasanKernel(t testing.TB) (vmlinux, module string) {
	t.Helper()
	find := func(list []string, id string) string {
		for _, path := range list {
			im, err := symbols.Open(path, nil)
			if err != nil {
				t.Fatal(err)
			}
			fits := im.BuildID() == id
			im.Close() // read-only: nothing to lose
			if fits {
				return path
			}
		}
		t.Skipf("SKIPPED, nothing was compared: no file with build-id %s; set KTRAP_LAB_KASAN and run `ktrap lab prepare kasan`", id)
		return ""
	}
	return find(symtest.Vmlinuxes(t), kasanBuildID), find(symtest.Modules(t), crashmeBuildID)
}

func guestOptions(vmlinux, module string, layout Layout) Options {
	return Options{Layout: layout, Finder: Finder{
		Vmlinux: vmlinux, Options: symbols.OfflineOptions{ModuleDirs: []string{filepath.Dir(module)}},
	}}
}

// guestText gives all logs in one, as they come from one boot.
func guestText(t testing.TB) string {
	t.Helper()
	var all strings.Builder
	for _, path := range guestLogs(t) {
		log, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(log)
	}
	return all.String()
}

func TestEveryReliableFrameOfTheGuestLogsIsWhereLLVMSaysItIs(t *testing.T) {
	vmlinux, module := kasanKernel(t)
	out, said, err := decoded(t, guestOptions(vmlinux, module, Syzbot), guestText(t))
	if err != nil || said != "" {
		t.Errorf("%v, %s", err, said)
	}
	n := symtest.CompareDecoded(t, vmlinux, map[string]string{"crashme": module}, out)
	if n < 500 {
		t.Errorf("only %d frames were compared", n)
	}
	t.Logf("%d frames compared", n)
}

func TestGuestLogsDecodedTwiceAreTheSame(t *testing.T) {
	vmlinux, module := kasanKernel(t)
	log := guestText(t)
	for _, layout := range []Layout{Own, Script, Syzbot} {
		o := guestOptions(vmlinux, module, layout)
		once, _, _ := decoded(t, o, log)
		if layout == Own && without(once) != log {
			t.Error("the log has changed")
		}
		if twice, _, _ := decoded(t, o, once); twice != once {
			t.Errorf("layout %s: decoded again it is another text", layout)
		}
		if bare, _, _ := decoded(t, Options{Layout: layout}, once); bare != once {
			t.Errorf("layout %s: decoded again without symbols it is another text", layout)
		}
	}
}
