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

// guestLogs gives files of the corpus about crashes caused on purpose:
// $KTRAP_CORPUS, else beside the project.
func guestLogs(t testing.TB, pattern string) []string {
	t.Helper()
	dir := os.Getenv("KTRAP_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	list, err := filepath.Glob(filepath.Join(dir, "guest", pattern))
	if err != nil || len(list) == 0 {
		t.Skipf("NO CORPUS: %s has no guest/%s; set KTRAP_CORPUS", dir, pattern)
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

// guestText gives all logs of a pattern in one.
func guestText(t testing.TB, pattern string) string {
	t.Helper()
	var all strings.Builder
	for _, path := range guestLogs(t, pattern) {
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
	out, said, err := decoded(t, guestOptions(vmlinux, module, Syzbot), guestText(t, "k612-*.log"))
	if err != nil || said != "" {
		t.Errorf("%v, %s", err, said)
	}
	n := symtest.CompareDecoded(t, vmlinux, map[string]string{"crashme": module}, out)
	if n < 500 {
		t.Errorf("only %d frames were compared", n)
	}
	t.Logf("%d frames compared", n)
}

// TestEveryReliableFrameOfDebiansKernelIsWhereLLVMSaysItIs takes the logs of a kernel
// that says its version and no build-id.
func TestEveryReliableFrameOfDebiansKernelIsWhereLLVMSaysItIs(t *testing.T) {
	const release, version = "6.1.0-56-cloud-amd64", "Debian 6.1.192-2"
	vmlinux := ""
	for _, path := range symtest.Vmlinuxes(t) {
		im, err := symbols.Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if im.Release() == release && strings.Contains(im.Banner(), version) {
			vmlinux = path
		}
		im.Close() // read-only: nothing to lose
	}
	if vmlinux == "" {
		t.Skipf("SKIPPED, nothing was compared: no vmlinux of %s %s; run `ktrap lab prepare 6.1`", release, version)
	}
	raw, err := os.ReadFile(guestLogs(t, "crashme-"+release+".ko")[0])
	if err != nil {
		t.Fatal(err)
	}
	module := filepath.Join(t.TempDir(), "crashme.ko")
	if err := os.WriteFile(module, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	out, said, err := decoded(t, guestOptions(vmlinux, module, Syzbot), guestText(t, "k61-*.log"))
	if err != nil || said != "" {
		t.Errorf("%v, %s", err, said)
	}
	n := symtest.CompareDecoded(t, vmlinux, map[string]string{"crashme": module}, out)
	if n < 300 {
		t.Errorf("only %d frames were compared", n)
	}
	t.Logf("%d frames compared", n)
}

func TestGuestLogsDecodedTwiceAreTheSame(t *testing.T) {
	vmlinux, module := kasanKernel(t)
	log := guestText(t, "k612-*.log")
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

// TestTheCausesOfTheGuestLogsNameWhatTheModuleDid asks for what only symbols can tell.
func TestTheCausesOfTheGuestLogsNameWhatTheModuleDid(t *testing.T) {
	vmlinux, module := kasanKernel(t)
	for log, want := range map[string]string{
		"k612-uaf":        "cause: read of 4 bytes at 0xffff88800179be10: 16 bytes inside a freed kmalloc-96 object, freed in c_uaf at /build/crashme612/crashme.c:224\n",
		"k612-oob":        "cause: write of 1 byte at 0xffff888001211582: 30 bytes behind a kmalloc-128 object of 100 bytes, allocated in c_oob at /build/crashme612/crashme.c:",
		"k612-doublefree": "cause: free at 0xffff88800179be00: the kmalloc-96 object is free already, freed in c_doublefree at /build/crashme612/crashme.c:",
		"k612-gpf":        "rbx is LIST_POISON1, as list_del() leaves it, member v->id at offset 16\n",
		"k612-kthread":    "cause: read of 4 bytes at rbx+0x10 = 0x10: null pointer, member v->peer->id at offset 16\n",
		"k612-nullcall":   "cause: jump to 0x0: null function pointer\n",
	} {
		t.Run(log, func(t *testing.T) {
			out, _, err := decoded(t, guestOptions(vmlinux, module, Own), guestText(t, log+".log"))
			if err != nil || !strings.Contains(strings.ReplaceAll(out, "\r", ""), want) {
				t.Errorf("%v: nowhere %q in\n%s", err, want, out)
			}
		})
	}
	out, _, _ := decoded(t, guestOptions(vmlinux, module, Own), guestText(t, "k612-gpf.log"))
	out = strings.ReplaceAll(out, "\r", "")
	for _, want := range []string{" call   <__asan_load4_noabort>\n", " mov    0xbd45(%rip),%rbx  # <uzero>\n", " mov    %eax,0xbd6f(%rip)  # <sink>\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("targets of the module's code: nowhere %q", want)
		}
	}
}
