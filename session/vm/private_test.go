package vm

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFoldersOfKilledKtrapsAreRemoved(t *testing.T) {
	tmp := t.TempDir()
	killed, err := makePrivate(tmp)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(killed.dir, "console.log"), "the end")
	if err := killed.owner.Close(); err != nil { // as the kernel does for a process that is killed
		t.Fatal(err)
	}
	young := filepath.Join(tmp, privatePrefix+"without-an-owner-yet")
	if err := os.Mkdir(young, 0o700); err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "kept")
	if err := os.Mkdir(elsewhere, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(elsewhere, ownerFile), "")
	link := filepath.Join(tmp, privatePrefix+"link")
	if err := os.Symlink(elsewhere, link); err != nil {
		t.Fatal(err)
	}
	first, err := makePrivate(tmp)
	if err != nil {
		t.Fatal(err)
	}
	second, err := makePrivate(tmp)
	if err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]bool{
		killed.dir: false, first.dir: true, second.dir: true, young: true, link: true, filepath.Join(elsewhere, ownerFile): true,
	} {
		if _, err := os.Lstat(what); (err == nil) != want {
			t.Errorf("%s: %v, want there = %v", what, err, want)
		}
	}
	for _, p := range []*private{first, second} {
		if err := p.remove(); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(p.dir); err == nil {
			t.Errorf("%s is left behind", p.dir)
		}
	}
}
