package decode

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestACrashIsOfTheBootItHappenedIn(t *testing.T) {
	const crash = "BUG: kernel NULL pointer dereference, address: 0000000000000010\n" +
		"CPU: 0 PID: 1 Comm: sh Not tainted 6.1.0-tiny #1  " + tinyBuildID + "\n" +
		"RIP: 0010:first+0x4/0x20\nRSP: 0018:ffff888000000000 EFLAGS: 00010246\nCall Trace:\n second+0x4/0x20\n"
	same := "Linux version 6.1.0-tiny (me@here) (gcc) #1 SMP Tiny 6.1.0-1 (2026-01-01)\n"
	for name, next := range map[string]string{
		"the same kernel": same, "another kernel": "Linux version 7.0.0 (x) #1\n", "twice": same + "Linux version 7.0.0 (x) #1\n",
	} {
		var out bytes.Buffer
		log := crash + "Kernel Offset: 0x10000000 from 0xffffffff81000000\n" + next + "hello\n"
		n, err := JSON(&out, strings.NewReader(log), &Options{Finder: Finder{Vmlinux: tinyKernel(t)}})
		if err != nil || n != 1 {
			t.Fatalf("%s: %d crashes, %v", name, n, err)
		}
		var c struct {
			Kernel KernelInfo
			Frames []Frame
		}
		if err := json.Unmarshal(out.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if !c.Kernel.Proven || c.Kernel.Slide != "0x10000000" || c.Frames[0].Addr != "0xffffffff91000004" {
			t.Errorf("%s: %+v, %+v", name, c.Kernel, c.Frames)
		}
	}
}
