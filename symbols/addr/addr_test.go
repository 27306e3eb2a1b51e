package addr

import "testing"

func TestASlideGoesThereAndBack(t *testing.T) {
	const s = Slide(0x19a00000)
	link := LinkAddr(0xffffffff81000000)
	if got := s.Run(link); got != 0xffffffff9aa00000 {
		t.Fatalf("run address = %v", got)
	}
	if got := s.Link(s.Run(link)); got != link {
		t.Fatalf("back = %v, want %v", got, link)
	}
}

func TestOnlyTheKernelHalfIsKernel(t *testing.T) {
	for a, want := range map[Addr]bool{0: false, 0x7fffffffffff: false, 0xffff888000000000: true, 0xff11000000000000: true, 0xffffffff81000000: true} {
		if a.Kernel() != want {
			t.Errorf("%v kernel = %v, want %v", a, !want, want)
		}
	}
}

func TestAddressesPrintSixteenDigits(t *testing.T) {
	if got := Addr(0xfff0).String(); got != "0x000000000000fff0" {
		t.Errorf("printed %q", got)
	}
}
