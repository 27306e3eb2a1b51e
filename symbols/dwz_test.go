package symbols

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/elffile"
	"ktrap/symbols/types"
)

// dwz runs dwz in a folder.
func dwz(t *testing.T, dir string, args ...string) {
	t.Helper()
	tool, err := exec.LookPath("dwz")
	if err != nil {
		t.Skip("SKIPPED, nothing was compressed: dwz is not installed")
	}
	cmd := exec.CommandContext(t.Context(), tool, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("dwz %v: %v\n%s", args, err, out)
	}
}

// inFolder writes an image, which dwz changes, to several files of a new folder.
func inFolder(t *testing.T, data []byte, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// answersOf gives everything that is asked of damaged images, in words.
func answersOf(t *testing.T, path string) map[string]any {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	im, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	kernel, err := NewOffline(im, &OfflineOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer kernel.Close()
	out := map[string]any{}
	for _, q := range hostileQueries {
		out[q] = kernel.Ask(q)
	}
	for _, r := range kernel.Symbolizer().text {
		for a := r.Start; a < r.End; a++ {
			locs, reason := kernel.Symbolizer().Locate(a)
			out[a.String()] = []any{locs, reason}
			out["locals at "+a.String()] = localsAt(im, addr.LinkAddr(a))
		}
	}
	for _, name := range []string{"struct task", "u32", "enum state", "struct list_head", "int", "unsigned char"} {
		typ, err := im.Types().TypeByName(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		out["type "+name], _ = im.Types().Outline(typ, &types.OutlineOptions{Expand: true})
	}
	for _, name := range []string{"init_task", "woken"} {
		sub, err := im.Types().Subject(name)
		if err != nil || len(sub.Variables) != 1 {
			t.Errorf("%s: %+v, %v", name, sub, err)
			continue
		}
		out["variable "+name] = []any{types.Spell(sub.Type), sub.Variables[0].Addr}
	}
	return out
}

// localsAt declares the variables in view at a pc.
func localsAt(im *Image, pc addr.LinkAddr) (out []string) {
	scopes, err := im.Types().Scopes(pc)
	if err != nil {
		return nil
	}
	for _, s := range scopes {
		out = append(out, "in "+s.Func)
		for _, v := range s.Vars {
			out = append(out, types.Declare(v.Type, v.Name))
		}
	}
	return out
}

func TestWhatDwzMadeAnswersAsWhatItWasMadeOf(t *testing.T) {
	for _, h := range hostileImages {
		if h.module || h.name == "gcc-zlib" || h.name == "clang-dwarf5" {
			continue // dwz 0.15 takes none of them
		}
		t.Run(h.name, func(t *testing.T) {
			dir := inFolder(t, compileHostile(t, h.compiler, h.flags, false), "vmlinux", "a", "b")
			want := answersOf(t, filepath.Join(dir, "vmlinux"))
			if locs := want["0xffffffff8100002d"]; locs == nil {
				t.Fatal("the image has no code where it was")
			}
			compare := func(what, file string) {
				t.Helper()
				got := answersOf(t, filepath.Join(dir, file))
				for q := range want {
					if !reflect.DeepEqual(got[q], want[q]) {
						t.Errorf("%s: %s: %+v, want %+v", what, q, got[q], want[q])
						return
					}
				}
			}
			dwz(t, dir, "-o", "single", "vmlinux")
			compare("a single file", "single")
			dwz(t, dir, "-m", "common", "a", "b")
			if !exists(filepath.Join(dir, "common")) {
				t.Skip("dwz found nothing in common")
			}
			compare("one of several files", "a")

			if err := os.Remove(filepath.Join(dir, "common")); err != nil {
				t.Fatal(err)
			}
			saysWhatIsMissing(t, filepath.Join(dir, "b"))
		})
	}
}

func saysWhatIsMissing(t *testing.T, path string) {
	t.Helper()
	im, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	kernel, err := NewOffline(im, &OfflineOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer kernel.Close()
	a := kernel.Ask("wake+0x4")
	if len(a.Spots) != 1 || a.Spots[0].Func.Name != "wake" || !strings.Contains(a.Note, `"common"`) {
		t.Errorf("%+v", a)
	}
	if a := kernel.Ask("main.c:10"); len(a.Spots) != 0 || !strings.Contains(a.Reason, `"common"`) {
		t.Errorf("a line: %+v", a)
	}
	if _, err := im.Types().Subject("init_task"); !errors.Is(err, elffile.ErrNoSupplement) || !errors.Is(err, types.ErrNoDebugInfo) {
		t.Errorf("a variable: %v", err)
	}
}
