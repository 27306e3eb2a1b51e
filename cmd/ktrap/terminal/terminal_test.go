package terminal

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"ktrap/session"
)

func TestTextFromTheGuestCannotMoveTheCursor(t *testing.T) {
	var out bytes.Buffer
	term := &Terminal{out: &out, colors: newPalette(false)}
	hostile := "a\x1b[2Jb\r\nc\u202ed\xff"
	term.printf("%s|%-3s|%s|%s\n", hostile, "x", block("one\n\x1b"), errors.New("e\x1b"))
	want := `a\x1b[2Jb\nc\u202ed\xff|x  |one` + "\n" + `\x1b|e\x1b` + "\n"
	if out.String() != want {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
	out.Reset()
	term.colors = newPalette(true)
	term.printf("%s", term.colors.bad("\x1b[2J"))
	if strings.Contains(out.String(), "\x1b[2J") || !strings.HasPrefix(out.String(), "\x1b[") {
		t.Errorf("painted %q, want colour around text that is spelled out", out.String())
	}
}

func TestCommandsAreFoundByNameShortFormAndBeginning(t *testing.T) {
	for name, want := range map[string]string{
		"continue": "continue", "c": "continue", "cont": "continue", "b": "break", "tb": "tbreak",
		"si": "stepi", "n": "next", "fin": "finish", "disas": "disassemble", "?": "help", "f": "frame", "dm": "dmesg",
	} {
		if c, err := find(name); err != nil || c.names[0] != want {
			t.Errorf("%q means %v (%v), want %s", name, c.names, err, want)
		}
	}
	if _, err := find("w"); err == nil || !strings.Contains(err.Error(), "wait, watch") {
		t.Errorf(`"w" gives %v, want both names it may mean`, err)
	}
	if _, err := find("frobnicate"); err == nil {
		t.Error("a command that does not exist was found")
	}
}

func TestOnlyARefusalOfTheKernelIsOne(t *testing.T) {
	for kind, want := range map[session.EventKind]bool{session.Refused: true, session.Note: false, session.ClientHas: false} {
		var out strings.Builder
		term := &Terminal{err: &out, colors: newPalette(false), s: new(session.Session)}
		term.showEvent(session.Event{Kind: kind, Text: "what it is", Err: errors.New("why")})
		if got := term.refused != nil; got != want || out.String() != "what it is\n" {
			t.Errorf("%s: refused is %v, want %v; printed %q", kind, got, want, out.String())
		}
	}
}

func TestNoTwoCommandsShareAName(t *testing.T) {
	var seen []string
	for _, g := range groups() {
		for _, c := range g.list {
			for _, n := range c.names {
				if slices.Contains(seen, n) {
					t.Errorf("%q names two commands", n)
				}
				seen = append(seen, n)
			}
			if c.help == "" || c.run == nil {
				t.Errorf("%s has no help or does nothing", c.names[0])
			}
			word, _, _ := strings.Cut(c.example, " ")
			word, _, _ = strings.Cut(word, "/")
			if meant, err := find(word); err != nil || meant.names[0] != c.names[0] {
				t.Errorf("the example of %s is of another command: %q", c.names[0], c.example)
			}
		}
	}
}

func TestAnEmptyLineRepeatsOnlyWhatGoesOn(t *testing.T) {
	for line, want := range map[string]string{
		"next 2": "next 2", "s": "s", "x/4gx $rsp": "x/4gx", "list vfs_read": "list", "up": "up",
		"break vfs_read": "", "delete": "", "print 1": "", "quit": "", "nonsense": "",
	} {
		if got := repeatable(line); got != want {
			t.Errorf("after %q an empty line means %q, want %q", line, got, want)
		}
	}
}

func TestFormatsOfExamine(t *testing.T) {
	for args, want := range map[string]format{
		"$rsp": {1, 'x', 8}, "/4gx $rsp": {4, 'x', 8}, "/s p": {1, 's', 8}, "/20b p": {20, 'x', 1}, "/3dw p": {3, 'd', 4},
	} {
		if got, rest, err := parseFormat(args); got != want || err != nil || strings.Contains(rest, "/") {
			t.Errorf("%q gives %v, %q, %v; want %v", args, got, rest, err, want)
		}
	}
	for _, args := range []string{"/0x p", "/99999x p", "/z p", "/99999999999999999999x p"} {
		if _, _, err := parseFormat(args); err == nil {
			t.Errorf("%q was accepted", args)
		}
	}
}

func TestUnitsOfMemory(t *testing.T) {
	for _, tt := range []struct {
		raw  []byte
		f    format
		want string
	}{
		{[]byte{0xff, 0xff}, format{1, 'd', 2}, "-1"},
		{[]byte{0xff, 0xff}, format{1, 'u', 2}, "65535"},
		{[]byte{0x34, 0x12, 0, 0}, format{1, 'x', 4}, "0x00001234"},
		{[]byte{'h'}, format{1, 'c', 1}, "'h'"},
		{[]byte{0x1b}, format{1, 'c', 1}, `'\x1b'`},
	} {
		if got := formatUnit(tt.raw, tt.f); got != tt.want {
			t.Errorf("%x as %c is %s, want %s", tt.raw, tt.f.style, got, tt.want)
		}
	}
}

func TestConditionsAreCutFromPlaces(t *testing.T) {
	for args, want := range map[string][2]string{
		"vfs_read":                {"vfs_read", ""},
		"vfs_read if count == 3":  {"vfs_read", "count == 3"},
		"if count":                {"", "count"},
		"*(&x + 1) if a if b":     {"*(&x + 1)", "a if b"},
		"fs/notify.c:3 if if_ok ": {"fs/notify.c:3", "if_ok "},
	} {
		where, condition, _ := cutCondition(args)
		if where != want[0] || condition != want[1] {
			t.Errorf("%q gives %q, %q; want %q", args, where, condition, want)
		}
	}
}
