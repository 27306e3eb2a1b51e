package lab

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// fakeLab is a lab with one kernel that somebody prepared.
func fakeLab(t *testing.T) (*Lab, string) {
	t.Helper()
	l, err := Open(&Options{Root: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	dir := l.dir("6.1")
	s := &stamp{Schema: stampSchema, Release: "6.1.0-1-cloud-amd64", Files: map[string]*stampFile{}}
	if err := errors.Join(
		s.add(dir, "bzImage", strings.NewReader("kernel")),
		s.add(dir, "modules/x.ko", strings.NewReader("module")),
		s.write(dir),
	); err != nil {
		t.Fatal(err)
	}
	return l, dir
}

func TestKernelIsBelievedOnlyIfItsFilesAreWhole(t *testing.T) {
	tests := []struct {
		name   string
		damage func(t *testing.T, dir string)
	}{
		{"a file is missing", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "modules/x.ko")) }},
		{"a file is cut off", func(t *testing.T, dir string) { truncate(t, filepath.Join(dir, "bzImage"), 3) }},
		{"the stamp is missing", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, stampName)) }},
		{"the stamp is cut off", func(t *testing.T, dir string) { truncate(t, filepath.Join(dir, stampName), 20) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l, dir := fakeLab(t)
			k, err := l.Kernel("6.1")
			if err != nil || k.Release != "6.1.0-1-cloud-amd64" || k.Verify() != nil {
				t.Fatalf("before: %v, %v", k, err)
			}
			test.damage(t, dir)
			if _, err := l.Kernel("6.1"); !errors.Is(err, ErrNotPrepared) {
				t.Errorf("after: %v", err)
			}
		})
	}
}

func TestVerifyReadsTheFiles(t *testing.T) {
	l, dir := fakeLab(t)
	k, err := l.Kernel("6.1")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bzImage"), []byte("KERNEL"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := k.Verify(); err == nil {
		t.Error("changed contents of the same size were not noticed")
	}
}

func TestPath(t *testing.T) {
	l, dir := fakeLab(t)
	if got, err := l.Path("6.1", "modules"); got != filepath.Join(dir, "modules") || err != nil {
		t.Errorf("modules: %q, %v", got, err)
	}
	if _, err := l.Path("6.1", "source"); !errors.Is(err, ErrNotPrepared) {
		t.Errorf("source: %v", err)
	}
	if _, err := l.Path("6.1", "../../etc/passwd"); err == nil || errors.Is(err, ErrNotPrepared) {
		t.Errorf("a name that is none: %v", err)
	}
}

func TestASeriesThatIsNotHereIsToldFromADamagedOne(t *testing.T) {
	l, dir := fakeLab(t)
	for series, want := range map[string]string{
		"9.9":   "no lab kernel \"9.9\": the lab has only 6.1: `ktrap lab prepare 9.9` fetches it if apt has it",
		"../..": "no lab kernel \"../..\": a kernel series is two numbers, like 6.1",
	} {
		_, err := l.Kernel(series)
		if _, ok := errors.AsType[*SeriesError](err); !ok || !errors.Is(err, ErrNotPrepared) || err.Error() != want {
			t.Errorf("%s: %v, want %s", series, err, want)
		}
	}
	remove(t, filepath.Join(dir, "bzImage"))
	_, err := l.Kernel("6.1")
	if _, ok := errors.AsType[*SeriesError](err); ok || err == nil || !strings.Contains(err.Error(), "`ktrap lab prepare 6.1` fetches it again") {
		t.Errorf("damaged: %v", err)
	}
}

func TestRemove(t *testing.T) {
	l, dir := fakeLab(t)
	size := diskUsage(dir)
	for _, want := range []int64{size, 0} { // the second time there is nothing, which is fine
		if freed, err := l.Remove("6.1"); err != nil || freed != want {
			t.Fatalf("freed %d, %v, want %d", freed, err, want)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
}

func TestPublishReplacesWhatIsThere(t *testing.T) {
	l, dir := fakeLab(t)
	tmp := filepath.Join(l.root, ".tmp-1")
	if err := errors.Join(os.Mkdir(tmp, 0o700), os.WriteFile(filepath.Join(tmp, "new"), nil, 0o600), publish(tmp, dir)); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "new" {
		t.Errorf("folder holds %v, %v", left, err)
	}
	l.sweep()
	if left, _ := filepath.Glob(filepath.Join(l.root, ".tmp-*")); len(left) != 0 {
		t.Errorf("left over: %q", left)
	}
}

func TestKeysFitTogether(t *testing.T) {
	l, _ := fakeLab(t)
	if err := l.makeKeys(); err != nil {
		t.Fatal(err)
	}
	login := read(t, filepath.Join(l.keysDir(), loginKey))
	signer, err := ssh.ParsePrivateKey(login)
	if err != nil {
		t.Fatal(err)
	}
	if pub := read(t, filepath.Join(l.keysDir(), loginPub)); !bytes.Equal(pub, ssh.MarshalAuthorizedKey(signer.PublicKey())) {
		t.Error("the public key is another one")
	}
	host := read(t, filepath.Join(l.keysDir(), hostKey))
	pub, err := ssh.NewPublicKey(ed25519.PublicKey(host[len(host)-ed25519.PublicKeySize:]))
	if err != nil {
		t.Fatal(err)
	}
	if known := read(t, filepath.Join(l.keysDir(), knownHosts)); string(known) != hostAlias+" "+string(ssh.MarshalAuthorizedKey(pub)) {
		t.Errorf("known_hosts has %q", known)
	}
	if info, err := os.Stat(filepath.Join(l.keysDir(), loginKey)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("login key: %v, %v", info.Mode(), err)
	}
	if err := l.makeKeys(); err != nil || !bytes.Equal(login, read(t, filepath.Join(l.keysDir(), loginKey))) {
		t.Errorf("a second call made other keys: %v", err)
	}
}

func TestRelativeLinkStaysInTheTree(t *testing.T) {
	if got := relativeLink("usr/src/a/link", "/usr/src/b"); got != "../../../usr/src/b" {
		t.Errorf("absolute target became %q", got)
	}
	if got := relativeLink("usr/src/a/link", "../b"); got != "../b" {
		t.Errorf("relative target became %q", got)
	}
}

func TestInBuildTree(t *testing.T) {
	for name, want := range map[string]bool{
		"usr/src/linux-headers-6.1.0-56-common/arch/x86/Makefile":     true,
		"usr/src/linux-headers-6.1.0-56-common/arch/arm64/Makefile":   false,
		"usr/src/linux-headers-6.1.0-56-common/include/linux/elf.h":   true,
		"usr/lib/linux-kbuild-6.1/scripts/mod/modpost":                true,
		"usr/share/doc/linux-headers-6.1.0-56-common/changelog.gz":    false,
		"usr/src/linux-headers-6.1.0-56-cloud-amd64/arch/x86/x":       true,
		"usr/src/linux-headers-6.12.117+deb12-common/arch/x86/x/y":    true,
		"usr/src/linux-headers-6.12.117+deb12-common/arch/x86_fake/x": false,
	} {
		if got := inBuildTree(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestRebuiltOnlyWhenInputsChange(t *testing.T) {
	file := filepath.Join(t.TempDir(), "built", "x")
	k, runs := &Kernel{}, 0
	build := func() error { runs++; return os.WriteFile(file, nil, 0o600) }
	for _, inputs := range []string{"a", "a", "b", "b"} {
		if err := k.rebuilt(file, inputs, build); err != nil {
			t.Fatal(err)
		}
	}
	if runs != 2 {
		t.Errorf("built %d times", runs)
	}
	if err := k.rebuilt(file, "c", func() error { return io.ErrUnexpectedEOF }); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if err := k.rebuilt(file, "b", build); err != nil || runs != 3 {
		t.Errorf("after a failed build: %v, %d runs", err, runs)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}
