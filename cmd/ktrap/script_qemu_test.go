//go:build qemu

package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"ktrap/session/lab"
	"ktrap/symbols"
)

// TestAScriptBeginsWhenTheVmlinuxHasCome runs a script on a kernel whose vmlinux
// is nowhere on this host, but with a server of debug information.
func TestAScriptBeginsWhenTheVmlinuxHasCome(t *testing.T) {
	l, err := lab.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	k, err := l.Prepare(t.Context(), "6.1", nil)
	if err != nil {
		t.Fatalf("the tag qemu is set, so the lab must be there: %v", err)
	}
	vmlinux, o := pathOf(t, k, "vmlinux"), k.VMOptions()
	im, err := symbols.Open(vmlinux, nil)
	if err != nil {
		t.Fatal(err)
	}
	id := im.BuildID()
	im.Close()
	var asked atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/buildid/"+id+"/") {
			http.NotFound(w, r)
			return
		}
		asked.Store(true)
		http.ServeFile(w, r, vmlinux)
	}))
	defer server.Close()
	dir := t.TempDir()
	kernel := filepath.Join(dir, "bzImage") // beside the real one lies its vmlinux
	if err := os.Symlink(o.Kernel, kernel); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "asks.star")
	if err := os.WriteFile(script, []byte("print(hex(address('vfs_write')), eval('init_task.comm'))\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DEBUGINFOD_URLS", server.URL)
	t.Setenv("DEBUGINFOD_CACHE_PATH", t.TempDir())
	t.Setenv("KTRAP_CACHE", t.TempDir()) // where no vmlinux is
	t.Chdir(dir)
	status, out := output(t, "", "script", "--kernel", kernel, "--initrd", o.Initrd, "--append", o.Append,
		"--ssh-key", pathOf(t, k, "key"), "--boot-timeout", "10m", script)
	if status != exitDone || !strings.HasPrefix(out, "0xffffffff") || !strings.Contains(out, "swapper/0") {
		t.Errorf("status %d: %s", status, out)
	}
	if !asked.Load() {
		t.Skip("SKIPPED, nothing was fetched: another QEMU of this host led to the vmlinux")
	}
}
