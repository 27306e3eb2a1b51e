package disasm

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"ktrap/symbols/addr"
)

// TestAgreesWithObjdump disassembles part of this very test program with both.
func TestAgreesWithObjdump(t *testing.T) {
	objdump, err := exec.LookPath("objdump")
	if err != nil {
		t.Skip("objdump is not installed")
	}
	out, err := exec.CommandContext(t.Context(), objdump, window(t, objdump)...).Output()
	if err != nil {
		t.Fatalf("run objdump: %v", err)
	}
	total, different := 0, 0
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		at, code, want, ok := parseObjdump(s.Text())
		if !ok {
			continue
		}
		total++
		list := Disassemble(code, at, 0, nil)
		if have := normal(list[0].Text); len(list) != 1 || have != normal(want) {
			different++
			t.Logf("%v % x: have %q, objdump %q", at, code, texts(list), want)
		}
	}
	if total < 10_000 || different*200 > total {
		t.Errorf("%d of %d instructions differ", different, total)
	}
}

// window is objdump's arguments for the first part of the program's code.
func window(t *testing.T, objdump string) []string {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text := f.Section(".text")
	if f.Machine != elf.EM_X86_64 || text == nil {
		t.Skipf("%s is no x86-64 program", self)
	}
	return []string{"-d", "-w", fmt.Sprintf("--start-address=%#x", text.Addr),
		fmt.Sprintf("--stop-address=%#x", text.Addr+400<<10), self}
}

// parseObjdump reads a line of objdump.
// Sample: "  401000:\t49 3b 66 10          \tcmp    0x10(%r14),%rsp".
func parseObjdump(line string) (at addr.Addr, code []byte, text string, ok bool) {
	f := strings.Split(line, "\t")
	if len(f) != 3 || strings.Contains(line, "(bad)") {
		return 0, nil, "", false
	}
	a, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(f[0]), ":"), 16, 64)
	if err != nil {
		return 0, nil, "", false
	}
	code, err = hex.DecodeString(strings.ReplaceAll(f[1], " ", ""))
	return addr.Addr(a), code, f[2], err == nil
}

// normal drops what differs on purpose: names, notes, 0x before targets.
func normal(text string) string {
	text, _, _ = strings.Cut(text, "#")
	text, _, _ = strings.Cut(text, "<")
	return strings.Join(strings.Fields(strings.ReplaceAll(text, "0x", "")), " ")
}
