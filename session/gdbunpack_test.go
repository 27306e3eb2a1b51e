package session

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// packed writes a file compressed as module packages do it.
func packed(t *testing.T, path string, data []byte) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestACompressedModuleIsUnpackedForGDBOnce(t *testing.T) {
	dir, cache := t.TempDir(), filepath.Join(t.TempDir(), "modules")
	path := filepath.Join(dir, "ext4.ko.gz")
	packed(t, path, []byte("first"))
	plain, err := readable(path, cache)
	if err != nil || filepath.Base(plain) != "ext4.ko" {
		t.Fatalf("%q, %v", plain, err)
	}
	if got, err := os.ReadFile(plain); string(got) != "first" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if err := os.WriteFile(plain, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := readable(path, cache)
	if got, _ := os.ReadFile(again); again != plain || err != nil || string(got) != "kept" {
		t.Errorf("the second time %q with %q, %v", again, got, err)
	}
	packed(t, path, []byte("second one"))
	other, err := readable(path, cache)
	if got, _ := os.ReadFile(other); other == plain || err != nil || string(got) != "second one" {
		t.Errorf("of another file %q with %q, %v", other, got, err)
	}
}

func TestWhatGDBCanReadIsLeftWhereItIs(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.ko")
	if got, err := readable(path, filepath.Join(dir, "cache")); got != path || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	plain := filepath.Join(dir, "plain.ko.xz") // by name only
	if err := os.WriteFile(plain, []byte("\x7fELF"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := readable(plain, filepath.Join(dir, "cache")); got != plain || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	damaged := filepath.Join(dir, "b.ko.xz")
	if err := os.WriteFile(damaged, []byte("\xfd7zXZ\x00and nothing of it"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readable(damaged, filepath.Join(dir, "cache")); err == nil {
		t.Error("a damaged file was unpacked")
	}
	if got, err := readable(damaged, ""); got != damaged || err != nil {
		t.Errorf("without a folder %q, %v", got, err)
	}
}

func TestUnpackedModulesThatNobodyWantsAreRemoved(t *testing.T) {
	dir, cache := t.TempDir(), t.TempDir()
	long := time.Now().Add(-keptFor - time.Hour)
	packed(t, filepath.Join(dir, "old.ko.gz"), []byte("old"))
	packed(t, filepath.Join(dir, "new.ko.gz"), []byte("new"))
	old, err := readable(filepath.Join(dir, "old.ko.gz"), cache)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Dir(old), long, long); err != nil {
		t.Fatal(err)
	}
	if _, err := readable(filepath.Join(dir, "new.ko.gz"), cache); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("it is still there")
	}
}
