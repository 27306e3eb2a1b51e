package session

import (
	"fmt"
	"testing"
)

func TestResumePacketsOfGDB(t *testing.T) {
	for p, want := range map[string]string{
		"vCont;c":            "[{false 0}]",
		"vCont;c:-1":         "[{false 0}]",
		"vCont;c:p1.-1":      "[{false 0}]",
		"vCont;C06:2;c:-1":   "[{false 2} {false 0}]",
		"vCont;s:16a;c":      "[{true 362} {false 0}]",
		"vCont;S05:16a;c:-1": "[{true 362} {false 0}]",
		"vCont;s:1;c:2":      "[{true 1} {false 2}]", // continued is not stepped
		"vCont;s":            "[{true 0}]",
		"c":                  "[{false 0}]",
		"C05":                "[{false 0}]",
		"s":                  "[{true 7}]",
		"S05":                "[{true 7}]",
		"vCont;t":            "error",
		"vCont;":             "error",
		"vCont;s:zz":         "error",
	} {
		actions, err := parseResume(p, 7, 8)
		got := fmt.Sprint(actions)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", p, got, want)
		}
	}
	if got, _ := parseResume("s", 0, 8); fmt.Sprint(got) != "[{true 8}]" {
		t.Errorf("without Hc: %v", got)
	}
}

func TestWritesOfGDB(t *testing.T) {
	for p, want := range map[string]string{
		"M1000,2:0aff":              "0x1000 [10 255]",
		"Xffffffff81000000,2:a#":    "0xffffffff81000000 [97 35]",
		"X0,0:":                     "0x0 []",
		"M1000,2:0a":                "error",
		"M1000,1:0":                 "error",
		"M1000:00":                  "error",
		"M1000,1":                   "error",
		"Mx,1:00":                   "error",
		"M10000000000000000,1:00":   "error",
		"M1000,ffffffffffffffff:00": "error",
	} {
		a, data, err := parseWrite(p)
		got := fmt.Sprintf("%#x %v", uint64(a), data)
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
