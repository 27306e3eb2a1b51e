package rsptest_test

import (
	"fmt"
	"strings"
	"testing"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
)

// spy is a test that is expected to fail.
type spy struct {
	testing.TB
	errs     []string
	cleanups []func()
}

func (s *spy) Helper()                        {}
func (s *spy) Cleanup(f func())               { s.cleanups = append(s.cleanups, f) }
func (s *spy) Errorf(format string, a ...any) { s.errs = append(s.errs, fmt.Sprintf(format, a...)) }

func TestReplayFailsTheTestThatStrays(t *testing.T) {
	const session = "-> $g\n<- $00\n-> $?\n<- $S05\n"
	for name, c := range map[string]struct {
		ask  []string
		want string
	}{
		"another request":       {[]string{"m0,4"}, "replay message 1 of 4: got -> $m0,4, want -> $g"},
		"another second":        {[]string{"g", "g"}, "replay message 3 of 4: got -> $g, want -> $?"},
		"an end before its end": {[]string{"g"}, "replay message 3 of 4: want -> $?:"},
		"as it was":             {[]string{"g", "?"}, ""},
	} {
		s := &spy{TB: t}
		client := rsp.NewClient(rsptest.Replay(s, rsptest.Parse(t, session)), nil)
		ended := make(chan error)
		go func() { ended <- client.Run() }()
		for _, body := range c.ask {
			client.Do(t.Context(), rsp.AnyThread, []byte(body))
		}
		client.Close()
		<-ended
		for _, f := range s.cleanups {
			f()
		}
		if got := strings.Join(s.errs, "\n"); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestAMachineHasQEMUsRegisterFile(t *testing.T) {
	g := rsptest.NewRegs()
	for name, off := range map[string]int{"rax": 0, "rip": 128, "eflags": 136, "fs_base": 164, "cr3": 204, "efer": 228, "mxcsr": 604} {
		clear(g)
		rsptest.PutReg(g, name, 0x5a)
		if len(g) != 608 || g[off] != 0x5a {
			t.Errorf("%s is not at %d of %d", name, off, len(g))
		}
	}
}
