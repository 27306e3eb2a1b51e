package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestParseURIs(t *testing.T) {
	const out = `Reading package lists...
'http://deb.debian.org/p/linux-kbuild-6.12.117%2bdeb12_6.12.117-1%7edeb12u1_amd64.deb' linux-kbuild-6.12.117+deb12_1%3a6.12.117-1~deb12u1_amd64.deb 1959272 SHA256:69761d
'http://x/evil.deb' ../evil_1_amd64.deb 10 SHA256:00
'http://x/neg.deb' neg_1_amd64.deb -5 SHA256:00
'http://x/b_2_all.deb' b_2_all.deb 7 MD5Sum:00
`
	want := []pkgFile{
		{Name: "linux-kbuild-6.12.117+deb12", Version: "1:6.12.117-1~deb12u1", Size: 1959272, SHA256: "69761d",
			File: "linux-kbuild-6.12.117+deb12_1%3a6.12.117-1~deb12u1_amd64.deb"},
		{Name: "b", Version: "2", File: "b_2_all.deb", Size: 7},
	}
	if got := parseURIs(out); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestParseStatus(t *testing.T) {
	tests := []struct {
		line    string
		percent float64
		ok      bool
	}{
		{"dlstatus:1:12.3456:Retrieving file 1 of 1", 12.3456, true},
		{"dlstatus:1:100:done", 100, true},
		{"dlstatus:1:101:too much", 101, false},
		{"dlstatus:1:NaN:", 0, false},
		{"pmstatus:dpkg:5:x", 0, false},
		{"", 0, false},
	}
	for _, test := range tests {
		percent, ok := parseStatus(test.line)
		if ok != test.ok || ok && percent != test.percent {
			t.Errorf("%q: %v, %v", test.line, percent, ok)
		}
	}
}

func TestHeaderPackages(t *testing.T) {
	const depends = "linux-base (>= 4.12~), linux-headers-6.1.0-56-common (= 6.1.192-2), linux-kbuild-6.1 (>= 6.1.192-2), linux-image-x | linux-image-y, gcc-12"
	want := []string{"linux-headers-6.1.0-56-common", "linux-kbuild-6.1"}
	if got := headerPackages(depends); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestADownloadIsBelievedOnlyWithItsSizeAndChecksum(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.deb")
	if err := os.WriteFile(path, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	const sum = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	tests := []struct {
		name string
		want pkgFile
		ok   bool
	}{
		{"right", pkgFile{Size: 5, SHA256: sum}, true},
		{"a hash that we cannot check", pkgFile{Size: 5}, true},
		{"half a file", pkgFile{Size: 10, SHA256: sum}, false},
		{"other contents", pkgFile{Size: 5, SHA256: "00"}, false},
	}
	for _, test := range tests {
		if err := checkFile(path, &test.want); (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{5: "5 bytes", 1500: "2 kB", 283308068: "283 MB", 1.5e9: "1.5 GB"} {
		if got := Size(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

func TestAFullDiskIsSaidInPlainWords(t *testing.T) {
	dir := t.TempDir()
	err := explain(fmt.Errorf("write x: %w", syscall.ENOSPC), dir)
	full, ok := errors.AsType[*fullError](err)
	if !ok || full.dir != dir || !strings.Contains(err.Error(), "KTRAP_CACHE") || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
	if again := explain(err, dir); again != err {
		t.Errorf("said twice: %v", again)
	}
	if other := explain(os.ErrPermission, dir); other != os.ErrPermission {
		t.Errorf("another error became %v", other)
	}
}
