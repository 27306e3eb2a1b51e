package report_test

import (
	"testing"

	"ktrap/session/report"
)

func TestTheGuiltyFunctionIsFoundOnTheStack(t *testing.T) {
	frames := []report.Frame{
		{Func: "complete_report_info"}, {Func: "print_report", Inlined: true}, {Func: "kasan_report"},
		{Func: "inner", Inlined: true}, {Func: "crashme_write.cold"}, {Func: "vfs_write"},
	}
	for guilty, want := range map[string]int{
		"": 0, "corrupted": 0, "elsewhere": 0, "vfs": 0,
		"inner": 3, "crashme_write": 4, "crashme_write.cold": 4, "vfs_write": 5,
	} {
		if got := (&report.Report{Guilty: guilty, Frames: frames}).Blamed(); got != want {
			t.Errorf("%q is blamed at frame %d, want %d", guilty, got, want)
		}
	}
	if got := (&report.Report{Guilty: "f"}).Blamed(); got != 0 {
		t.Errorf("without a stack: %d", got)
	}
}
