package oops

import "testing"

func TestTextIsWithoutWhatTerminalsTakeForACommand(t *testing.T) {
	for raw, want := range map[string]string{
		"\x1b[32m[    8.138776] \x1b[0m\x1b[33musb 1-1: \x1b[0mnew device\r\n": "usb 1-1: new device",
		"\x1b[32m[    8.138776] \x1b[0m\x1b[31m f+0x1/0x2\x1b[0m\n":            " f+0x1/0x2",
		"\x1bc\x1b[?7l\x1b[2J[    0.000000] Linux\n":                           "Linux",
		"cut \x1b[":  "cut ",
		"cut \x1b":   "cut ",
		"\x1b[1;31":  "",
		"a\rb\r\r\n": "ab",
	} {
		if have := newLine(0, []byte(raw)).Text; have != want {
			t.Errorf("%q: have %q, want %q", raw, have, want)
		}
	}
}
