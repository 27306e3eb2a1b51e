package cause

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// registersOfC is the order in which testdata/cpu.c takes values.
var registersOfC = []string{"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}

// codeOfC is where testdata/cpu.c puts the instruction.
const codeOfC = 0x300000000

// TestAgreesWithThisCPU executes instructions of a kernel with pointers to nowhere
// in all registers: the address and the direction of the access are those that the
// CPU reports.
func TestAgreesWithThisCPU(t *testing.T) {
	gcc, err := exec.LookPath("gcc")
	if err != nil || runtime.GOARCH != "amd64" || runtime.GOOS != "linux" {
		t.Skip("needs gcc, Linux and x86-64")
	}
	program := filepath.Join(t.TempDir(), "cpu")
	if out, err := exec.CommandContext(t.Context(), gcc, "-O1", "-o", program, "testdata/cpu.c").CombinedOutput(); err != nil {
		t.Skipf("gcc does not build here: %v: %s", err, out)
	}
	list, err := os.ReadFile("testdata/instructions.txt")
	if err != nil {
		t.Fatal(err)
	}
	codes := strings.Fields(string(list))
	rnd := rand.New(rand.NewPCG(1, 2))
	states, in := make([]state, len(codes)), new(strings.Builder)
	for i, code := range codes {
		states[i] = state{}
		in.WriteString(code)
		for _, name := range registersOfC {
			states[i][name] = 1<<43 + rnd.Uint64N(1<<40)&^0x3f
			fmt.Fprintf(in, " %x", states[i][name])
		}
		in.WriteByte('\n')
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Stdin = strings.NewReader(in.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("run %s: %v", program, err)
	}
	faults, i := 0, 0
	for s := bufio.NewScanner(strings.NewReader(string(out))); s.Scan() && i < len(codes); i++ {
		if checkCPU(t, codes[i], states[i], s.Text()) {
			faults++
		}
	}
	if i != len(codes) || faults < len(codes)*3/4 {
		t.Errorf("%d of %d instructions were executed, %d faulted", i, len(codes), faults)
	}
}

// checkCPU compares one instruction with what the CPU did; true if it faulted.
func checkCPU(t *testing.T, code string, regs state, did string) bool {
	t.Helper()
	var signal int
	var f Fault
	var number, at uint64
	if _, err := fmt.Sscanf(did, "%d %x %x %x %x", &signal, &number, &f.Error, &f.Addr, &at); err != nil {
		t.Fatalf("%q: %v", did, err)
	}
	const breakpoint, pageFault = 3, 14 // numbers of exceptions
	e := explainer{Input: &Input{Code: unhex(t, code), Base: codeOfC, PC: codeOfC, Reg: regs.reg}}
	c := Explain(e.Input)
	if len(c.Listing) == 0 || !c.Listing[0].Marked {
		t.Fatalf("%s: %+v", code, c)
	}
	e.marked = &c.Listing[0]
	e.inst, e.known = e.marked.Decoded()
	accesses := e.accesses()
	switch {
	case number == breakpoint && int(at) > len(e.Code):
		if len(accesses) > 0 {
			t.Errorf("%s %s: %+v, but nothing faulted", code, e.marked.Text, accesses)
		}
		return false
	case number != pageFault || at != 0:
		return false // not for user mode, or a jump that worked
	}
	f.Kind, f.HasAddr, f.HasCode = PageFault, true, true
	e.Fault = f
	_, a := e.explain()
	// Of a long access some CPUs report the last byte; that of XSAVE has no fixed size.
	elsewhere := a != nil && a.Addr != f.Addr && a.Size > 0 && a.Size < 512
	if a == nil || a.Expr == "" || !a.Known || elsewhere || !a.holds(f.Addr) || (a.Op != Read) != f.bit(pfWrite) {
		t.Errorf("%s %s: have %+v of %+v\nthe CPU: address %#x, code %#x", code, e.marked.Text, a, accesses, f.Addr, f.Error)
	}
	return true
}
