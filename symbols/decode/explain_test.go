package decode

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestTheCauseStandsBehindTheRegistersOfAFault(t *testing.T) {
	const registers = "RSP: 0018:ffffc900005a7bf8 EFLAGS: 00000246\nRAX: 0000000000000000 RBX: fffff520000b4f80 RCX: 0000000000000000\nCS:  0010 DS: 0000 ES: 0000 CR0: 0000000080050033\n"
	tests := []struct{ name, rip, want string }{
		{"by name", "RIP: 0010:f+0x1/0x20\nCode: 90 <8b> 40 00\n", "cause: read of 4 bytes at rax = 0x0: null pointer"},
		{"null pointer called", "RIP: 0010:0x0\nCode: Unable to access opcode bytes at 0xffffffffffffffd6.\n", "cause: jump to 0x0: null function pointer"},
		{"below Xen", "RIP: e030:0x0\nCode: Bad RIP value.\n", "cause: jump to 0x0: null function pointer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code := "0000"
			if strings.Contains(tt.want, "jump") {
				code = "0010"
			}
			log := "BUG: kernel NULL pointer dereference, address: 0000000000000000\n#PF: error_code(0x" + code + ") - not-present page\nOops: " + code + " [#1] SMP\n" +
				"CPU: 0 PID: 1 Comm: sh Not tainted 6.1.0 #1\n" + tt.rip + registers + "Call Trace:\n g+0x1/0x20\n"
			out, _, err := decoded(t, Options{}, log)
			at, trace := strings.Index(out, tt.want+"\n"), strings.Index(out, "Call Trace:")
			if err != nil || at < 0 || trace < at {
				t.Errorf("%v, %q is not before the trace:\n%s", err, tt.want, out)
			}
			if without(out) != log {
				t.Error("the log has changed")
			}
		})
	}
}

func TestAnObjectHasTheValuesOfTheInstruction(t *testing.T) {
	log := "BUG: kernel NULL pointer dereference, address: 0000000000000000\nOops: 0000 [#1] SMP\nCPU: 0 PID: 1 Comm: sh Not tainted 6.1.0 #1\nRIP: 0010:f+0x1/0x20\n" +
		"Code: 90 <8b> 40 00\nRSP: 0018:ffffc900005a7bf8 EFLAGS: 00000246\nRAX: 0000000000000000 RBX: fffff520000b4f80 RCX: 0000000000000000\nCall Trace:\n g+0x1/0x20\n"
	var out bytes.Buffer
	if _, err := JSON(&out, strings.NewReader(log), &Options{}); err != nil {
		t.Fatal(err)
	}
	var c Crash
	if err := json.Unmarshal(out.Bytes(), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Code) != 2 || len(c.Code[0].Values) > 0 || !slices.Equal(c.Code[1].Values, []string{"rax=0x0"}) {
		t.Errorf("have %+v", c.Code)
	}
}

func TestOnlyTheKernelsOwnInstructionPointerCounts(t *testing.T) {
	for text, want := range map[string]bool{
		"RIP: 0010:0x0": true, "RIP: 0010:0xffffffffc03ce140": true, " RIP: e030:0x0": true,
		"RIP: 0033:0x47b7a0": false, "RIP: 0010:f+0x1/0x2": false, "RSP: 0018:0x10": false, "RIP:": false, "": false,
	} {
		if have := inKernelByNumber(text); have != want {
			t.Errorf("%q: %v", text, have)
		}
	}
}
