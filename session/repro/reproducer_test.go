package repro

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatIsAReproducer(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "r.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho null > /proc/crashme\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, what, command, binary string }{
		{"a word is a command", "true", "true", ""},
		{"a line is a command", "echo null > /proc/crashme", "echo null > /proc/crashme", ""},
		{"what cannot be a file name is a command", strings.Repeat("x", 5000), strings.Repeat("x", 5000), ""},
		{"a folder is a command", dir, dir, ""},
		{"a file is brought in and run", script, guestPath, script},
	} {
		r, err := New(t.Context(), c.what, dir)
		if err != nil || r.Command != c.command || r.binary != c.binary {
			t.Errorf("%s: %+v, %v", c.name, r, err)
		}
	}
	if _, err := New(t.Context(), filepath.Join(dir, "none.c"), dir); err == nil || !strings.Contains(err.Error(), "none.c") {
		t.Errorf("a C file that is not there: %v", err)
	}
}

func TestTheSourceOfAReproducerGoesIntoTheReport(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "r.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexit 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := New(t.Context(), script, dir)
	if err != nil {
		t.Fatal(err)
	}
	if o := r.Origin(); o.Path != script || o.Text != "#!/bin/sh\nexit 0\n" {
		t.Errorf("origin %+v", o)
	}
	if err := os.WriteFile(script, []byte{0x7f, 'E', 'L', 'F', 0xff}, 0o600); err != nil {
		t.Fatal(err)
	}
	if o := r.Origin(); o.Text != "" {
		t.Errorf("a binary went into the report: %q", o.Text)
	}
}

// needCompiler skips where no C compiler is.
func needCompiler(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil && os.Getenv("CC") == "" {
		t.Skip("NOT RUN: no C compiler here")
	}
}

func TestACFileIsBuiltWithoutLibraries(t *testing.T) {
	needCompiler(t)
	r, err := New(t.Context(), "testdata/uaf.c", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("readelf", "-d", r.binary).Output()
	if err != nil || !strings.Contains(string(out), "no dynamic section") {
		t.Errorf("readelf says %q, %v", out, err)
	}
}

func TestACFileThatDoesNotCompileShowsWhatTheCompilerSays(t *testing.T) {
	needCompiler(t)
	dir := t.TempDir()
	source := filepath.Join(dir, "bad.c")
	if err := os.WriteFile(source, []byte("int main(void) { return undeclared; }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := New(t.Context(), source, dir)
	if err == nil || !strings.Contains(err.Error(), "bad.c:1:25: error: ") || !strings.Contains(err.Error(), "undeclared") {
		t.Errorf("got %v", err)
	}
}

func TestAMissingCompilerIsNamed(t *testing.T) {
	t.Setenv("CC", "no-such-compiler")
	if _, err := New(context.Background(), "testdata/uaf.c", t.TempDir()); err == nil || !strings.Contains(err.Error(), `no C compiler "no-such-compiler"`) {
		t.Errorf("got %v", err)
	}
}
