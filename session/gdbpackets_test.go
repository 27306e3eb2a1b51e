package session

import (
	"fmt"
	"testing"

	"ktrap/rsp"
)

func TestResumePacketsOfGDB(t *testing.T) {
	cpu1, cpu2 := rsp.ThreadID{PID: 1, TID: 1}, rsp.ThreadID{PID: 1, TID: 2}
	for p, want := range map[string]string{
		"vCont;c:p1.-1":          "vCont;c:p1.-1 false []",
		"vCont;C06:p1.2;c:p1.-1": "vCont;c:p1.2;c:p1.-1 false []",
		"vCont;s:p1.1;c:p1.-1":   "vCont;s:p1.1;c:p1.-1 true [p1.1]",
		"vCont;s:p1.1;c:p1.2":    "vCont;s:p1.1;c:p1.2 true [p1.1]", // continued is not stepped
		"c":                      "vCont;c false []",
		"C05":                    "vCont;c false []",
		"s":                      "vCont;s:p1.2 true [p1.2]",
		"vCont;t":                "error",
		"vCont;":                 "error",
		"vCont;s:zz":             "error",
	} {
		r, err := parseResume(p, cpu2, cpu1)
		got := fmt.Sprintf("%s %v %v", r.Packet, r.Steps, r.Only)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", p, got, want)
		}
	}
}

func TestOnlyAWrittenPCMovesACPU(t *testing.T) {
	for p, want := range map[string]bool{
		"P10=d0d3b48cffffffff": true, "G00": true,
		"P1=0": false, "P1010=0": false, "Mffff,1:00": false, "m0,1": false, "": false,
	} {
		if movesPC([]byte(p)) != want {
			t.Errorf("%q: %v, want %v", p, !want, want)
		}
	}
}

func TestObjectsAreSentInSlices(t *testing.T) {
	for window, want := range map[string]string{
		"0,ffb": "l/vmlinux", "0,3": "m/vm", "3,3": "mlin", "6,3": "lux", "5,2": "mnu", "8,3": "l", "9,3": "l", "ff,3": "l",
		"": "E01", "x,1": "E01", "-1,3": "E01", "0,-1": "E01",
	} {
		if got := string(slice([]byte("/vmlinux"), window)); got != want {
			t.Errorf("%q: %s, want %s", window, got, want)
		}
	}
}
