package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestReadRefusesWhatIsNoReport(t *testing.T) {
	tests := []struct{ name, json, want string }{
		{"not JSON", "hello", "decode report.json"},
		{"no schema", "{}", "schema 0, this ktrap knows 1 to 1"},
		{"schema of the future", `{"schema":2}`, "schema 2, this ktrap knows 1 to 1"},
		{"address is a number", `{"schema":1,"frames":[{"addr":1}]}`, "decode report.json"},
		{"registers are a list", `{"schema":1,"registers":[]}`, "want an object"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, jsonFile, tt.json)
			r, err := Read(dir)
			if r != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("have %v, %v", r, err)
			}
		})
	}
	if _, err := Read(t.TempDir()); err == nil {
		t.Error("an empty directory was read")
	}
}

func TestReadDoesWithoutTheOtherFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, jsonFile, `{"schema":1,"title":"x"}`)
	r, err := Read(dir)
	if err != nil || r.Title != "x" || len(r.Incomplete) != 0 {
		t.Errorf("have %+v, %v", r, err)
	}
}

func TestReadSaysWhichOtherFileIsBroken(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, jsonFile, `{"schema":1,"title":"x"}`)
	write(t, dir, sessionFile, `{`)
	if err := syscall.Mkfifo(filepath.Join(dir, consoleFile), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, dmesgFile)); err != nil {
		t.Fatal(err)
	}
	r, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(r.Incomplete, "\n")
	if len(r.Incomplete) != 3 || !strings.Contains(all, "decode session.json") ||
		!strings.Contains(all, "read console.log: no plain file") || !strings.Contains(all, "read dmesg.txt") {
		t.Errorf("incomplete:\n%s", all)
	}
	if r.Dmesg != nil {
		t.Errorf("read %q through a link that leads out", r.Dmesg)
	}
}

func TestRegistersKeepTheirOrder(t *testing.T) {
	const text = `{"rip":"0x1","zz":null,"aa":"0x00000000000000000000ff"}`
	var rs Registers
	if err := json.Unmarshal([]byte(text), &rs); err != nil {
		t.Fatal(err)
	}
	if out, err := json.Marshal(rs); err != nil || string(out) != text {
		t.Errorf("have %s, %v", out, err)
	}
	if v, ok := rs.Get("rip"); !ok || v != 1 {
		t.Errorf("rip is %#x, %v", v, ok)
	}
	if _, ok := rs.Get("zz"); ok {
		t.Error("zz is known")
	}
}

func TestHexRefusesAnythingElse(t *testing.T) {
	for _, s := range []string{"", "0x", "10", "0xg", "0x1ffffffffffffffff", "0x-1", "0x+1", "-0x1"} {
		var h Hex
		if err := h.UnmarshalText([]byte(s)); err == nil || h != 0 {
			t.Errorf("%q is %v, %v", s, h, err)
		}
	}
	var h Hex
	if err := h.UnmarshalText([]byte("0xffffffffffffffff")); err != nil || h != ^Hex(0) {
		t.Errorf("have %v, %v", h, err)
	}
}

func TestSlugIsAPlainFileName(t *testing.T) {
	tests := []struct{ title, want string }{
		{"BUG: unable to handle kernel NULL pointer dereference in crash_null", "bug-unable-to-handle-kernel-null-pointer-dereference-in-crash_null"},
		{"WARNING in foo.constprop.0", "warning-in-foo.constprop.0"},
		{"../../etc/passwd", "etc-passwd"},
		{"", "crash"},
		{"...", "crash"},
		{"\x1b[2J/\x00", "2j"},
		{"ÄÖ in x", "in-x"},
		{strings.Repeat("a", 300), strings.Repeat("a", 100)},
	}
	for _, tt := range tests {
		if have := slug(tt.title); have != tt.want {
			t.Errorf("%q gives %q, want %q", tt.title, have, tt.want)
		}
	}
}

func TestErrorsOfTheWriterAreReported(t *testing.T) {
	if err := Text(brokenWriter{}, sample(), nil); err == nil {
		t.Error("Text hides the error")
	}
	if err := Summary(brokenWriter{}, sample(), nil); err == nil {
		t.Error("Summary hides the error")
	}
	if err := JSON(brokenWriter{}, sample()); err == nil {
		t.Error("JSON hides the error")
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errFull }

// FuzzReport reads any report.json. What is accepted prints clean and, once
// written, reads back to the same JSON.
func FuzzReport(f *testing.F) {
	var b bytes.Buffer
	if err := JSON(&b, sample()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"schema":1,"title":"\u001b[2J","registers":{"rip":"\u001b"},"frames":[{"func":"\u009b"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := new(Report)
		if json.Unmarshal(data, r) != nil {
			return
		}
		var text, once, twice bytes.Buffer
		if err := Text(&text, r, nil); err != nil {
			t.Fatal(err)
		}
		checkPrinted(t, text.String(), nil)
		if err := JSON(&once, r); err != nil {
			t.Skip(err) // years beyond 9999
		}
		again := new(Report)
		if err := json.Unmarshal(once.Bytes(), again); err != nil {
			t.Fatal(err)
		}
		if err := JSON(&twice, again); err != nil || once.String() != twice.String() {
			t.Fatalf("%v\nonce  %s\ntwice %s", err, &once, &twice)
		}
	})
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
