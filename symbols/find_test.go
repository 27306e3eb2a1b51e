package symbols

import (
	"errors"
	"strings"
	"testing"

	"ktrap/symbols/symtest"
)

// withID is a kernel image with a build-id, with or without DWARF.
func withID(id byte, dwarf bool) string {
	e := kernelImage()
	e.BuildID = []byte{id, id}
	if dwarf {
		for _, name := range []string{".debug_info", ".debug_abbrev", ".debug_line"} {
			e.Sections = append(e.Sections, symtest.Section{Name: name, Data: []byte{0}})
		}
	}
	return string(e.Bytes())
}

func TestVmlinuxIsFoundByBuildID(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "vmlinux", withID(1, true))
	stripped := writeFile(t, dir, "vmlinux-9.9", withID(2, false))
	full := writeFile(t, dir, "boot/vmlinux-9.9", withID(2, true))
	if got, err := FindVmlinux("9.9", "0202", []string{"/nowhere", dir}); err != nil || got != full {
		t.Errorf("the one with DWARF is preferred: %q, %v", got, err)
	}
	if got, err := FindVmlinux("9.9", "0202", []string{stripped}); err != nil || got != stripped {
		t.Errorf("a file instead of a folder: %q, %v", got, err)
	}
	_, err := FindVmlinux("9.9", "0303", []string{dir})
	if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), `build-id "0101"`) || !strings.Contains(err.Error(), "0303") {
		t.Errorf("both build-ids are named: %v", err)
	}
}

func TestWithoutBuildIDTheReleaseMustFit(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "vmlinux", withID(1, true))
	if got, err := FindVmlinux("9.9", "", []string{dir}); !errors.Is(err, ErrNotFound) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestModulesAreFoundUnderAnySpelling(t *testing.T) {
	dir := t.TempDir()
	wrong := writeFile(t, dir, "old/snd-hda-intel.ko", withID(9, true))
	right := writeFile(t, dir, "sound/snd-hda-intel.ko.debug", withID(7, true))
	other := writeFile(t, dir, "fs/btrfs.ko", withID(8, false))
	f := NewModuleFinder("", []string{dir})
	if got, err := f.Find("snd_hda_intel", "0707"); err != nil || got != right {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := f.Find("snd-hda-intel", ""); err != nil || got != wrong {
		t.Errorf("any build-id: %q, %v", got, err)
	}
	if got, err := FindModule("", "btrfs", "0808", []string{dir}); err != nil || got != other {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := f.Find("btrfs", "0909"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), other) {
		t.Errorf("the file that did not fit is named: %v", err)
	}
	if _, err := f.Find("ext4", "../.."); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestAModuleWithoutBuildIDMustBeMadeForTheRelease(t *testing.T) {
	made := func(release string) string {
		e := moduleImage()
		e.Sections = append(e.Sections, symtest.Section{Name: ".modinfo", Data: []byte("license=GPL\x00vermagic=" + release + " SMP mod_unload \x00")})
		return string(e.Bytes())
	}
	dir := t.TempDir()
	other := writeFile(t, dir, "a/m.ko", made("6.1"))
	right := writeFile(t, dir, "b/m.ko", made("6.12"))
	if got, err := NewModuleFinder("6.12", []string{dir}).Find("m", ""); err != nil || got != right {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := NewModuleFinder("6.13", []string{dir}).Find("m", ""); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), other) || !strings.Contains(err.Error(), `made for "6.1"`) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestModulesAreFoundInTheLayoutsOfDistributionsAndBuilds(t *testing.T) {
	for name, place := range map[string]string{
		"Debian":           "usr/lib/debug/lib/modules/6.1/kernel/fs/ext4/ext4.ko",
		"Fedora":           "usr/lib/debug/lib/modules/6.1/kernel/fs/ext4/ext4.ko.debug",
		"Ubuntu":           "usr/lib/debug/usr/lib/modules/6.1/kernel/fs/ext4/ext4.ko.zst.debug",
		"build tree":       "fs/ext4/ext4.ko",
		"INSTALL_MOD_PATH": "lib/modules/6.1/kernel/fs/ext4/ext4.ko",
	} {
		dir := t.TempDir()
		want := writeFile(t, dir, place, withID(7, true))
		if got, err := FindModule("6.1", "ext4", "0707", []string{dir}); err != nil || got != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestFilesOfModulesAreRecognised(t *testing.T) {
	for file, want := range map[string]string{
		"ext4.ko": "ext4", "snd-hda.ko.xz": "snd_hda", "a.ko.zst": "a", "a.ko.gz": "a", "a.ko.debug": "a",
		"vmlinux": "", "a.kotlin": "", "a.ko.txt": "",
	} {
		if got, ok := moduleOfFile(file); ok != (want != "") || ok && got != want {
			t.Errorf("%s: %q %v, want %q", file, got, ok, want)
		}
	}
}
