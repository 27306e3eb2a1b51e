package symbols

import (
	"debug/elf"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ktrap/symbols/symtest"
)

// debugHalf is the split-off half of withID's image.
func debugHalf(id byte) symtest.ELF {
	e := kernelImage()
	e.BuildID = []byte{id, id}
	for i := range e.Sections[:3] {
		s := &e.Sections[i]
		s.Type, s.Size, s.Data = elf.SHT_NOBITS, uint64(len(s.Data)), nil
	}
	for _, name := range []string{".debug_info", ".debug_abbrev", ".debug_line"} {
		e.Sections = append(e.Sections, symtest.Section{Name: name, Data: []byte{0}})
	}
	return e
}

func TestSplitDebugInformationIsFoundByName(t *testing.T) {
	for place, want := range map[string]bool{
		"vmlinux.debug": true, ".debug/vmlinux": true, "vmlinux.dbg": false,
	} {
		dir := t.TempDir()
		path := writeFile(t, dir, "vmlinux", withID(1, false))
		writeFile(t, dir, place, string(debugHalf(1).Bytes()))
		im, err := Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if im.HasDWARF() != want {
			t.Errorf("%s: used %v", place, im.HasDWARF())
		}
		im.Close()
	}
}

func TestDebugInformationOfAnotherBuildIsNamedAndNotUsed(t *testing.T) {
	dir := t.TempDir()
	path := writeFile(t, dir, "vmlinux", withID(1, false))
	writeFile(t, dir, "vmlinux.debug", string(debugHalf(2).Bytes()))
	var log strings.Builder
	im, err := Open(path, &OpenOptions{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if im.HasDWARF() || !strings.Contains(log.String(), "0202") || !strings.Contains(log.String(), "0101") {
		t.Errorf("used %v; said %s", im.HasDWARF(), log.String())
	}
}

func TestWhatIsNotOnTheHostIsFetchedByBuildID(t *testing.T) {
	path := writeFile(t, t.TempDir(), "vmlinux", withID(1, false))
	fetched := writeFile(t, t.TempDir(), "debuginfo", string(debugHalf(1).Bytes()))
	var asked []string
	im, err := Open(path, &OpenOptions{Fetch: func(id string) (string, error) {
		asked = append(asked, id)
		return fetched, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if !im.HasDWARF() || len(asked) != 1 || asked[0] != "0101" {
		t.Errorf("used %v, asked %v", im.HasDWARF(), asked)
	}
}

// TestRealHalvesAnswerAsTheWhole splits a real module as distributions do.
func TestRealHalvesAnswerAsTheWhole(t *testing.T) {
	objcopy, err := exec.LookPath("objcopy")
	if err != nil {
		t.Skip("SKIPPED, nothing was compared: objcopy is not installed (package binutils)")
	}
	compared := false
	for _, whole := range symtest.Modules(t) {
		im, err := Open(whole, nil)
		if err != nil || !im.HasDWARF() || im.File().BuildID() == "" || compared {
			continue
		}
		im.Close()
		compared = true
		dir := t.TempDir()
		debug, main := filepath.Join(dir, "split.dbg"), filepath.Join(dir, filepath.Base(whole))
		for _, args := range [][]string{
			{"--only-keep-debug", "--compress-debug-sections=zlib-gnu", whole, debug},
			{"--strip-debug", "--remove-section=.note.gnu.build-id", whole, main},
			{"--remove-section=.note.gnu.build-id", debug},
			{"--add-gnu-debuglink=" + debug, main},
		} {
			if text, err := exec.CommandContext(t.Context(), objcopy, args...).CombinedOutput(); err != nil {
				t.Fatalf("objcopy %v: %v\n%s", args, err, text)
			}
		}
		want, got := askAll(t, whole), askAll(t, main)
		if len(want) == 0 || strings.Join(want, "\n") != strings.Join(got, "\n") {
			t.Errorf("%s: %d answers of the whole, %d of the halves; first\n%s\n%s", whole, len(want), len(got), want[0], got[0])
		}
		t.Logf("%d functions of %s compared", len(want), whole)
	}
	if !compared {
		t.Skip("SKIPPED, nothing was compared: no module with debug information")
	}
}

// askAll asks a module's file for each of its functions.
func askAll(t *testing.T, path string) (list []string) {
	t.Helper()
	im, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !im.HasDWARF() {
		t.Fatalf("%s has no debug information", path)
	}
	kernel, err := NewOffline(im, &OfflineOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer kernel.Close()
	for _, name := range im.Complete("", 1000) {
		for _, s := range kernel.Ask(name + "+0x1").Spots {
			if s.Reason == Complete {
				list = append(list, s.Func.String()+" "+s.Frames[0].File)
			}
		}
	}
	return list
}
