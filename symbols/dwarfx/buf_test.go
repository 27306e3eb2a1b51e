package dwarfx

import (
	"errors"
	"math"
	"testing"
)

func TestLEB128NumbersAreDecoded(t *testing.T) {
	tests := []struct {
		bytes    string
		unsigned uint64
		signed   int64
	}{
		{"\x00", 0, 0},
		{"\x7f", 127, -1},
		{"\x80\x01", 128, 128},
		{"\xff\x7e", 16255, -129},
		{"\xe5\x8e\x26", 624485, 624485},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", math.MaxUint64, -1},
		{"\x81\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 1, 1}, // longer than 64 bits
	}
	for _, tt := range tests {
		u := NewBuf("test", []byte(tt.bytes), 0)
		if got := u.Uleb(); got != tt.unsigned || u.Err() != nil || u.Len() != 0 {
			t.Errorf("unsigned %x: %d, %v", tt.bytes, got, u.Err())
		}
		s := NewBuf("test", []byte(tt.bytes), 0)
		if got := s.Sleb(); got != tt.signed || s.Err() != nil || s.Len() != 0 {
			t.Errorf("signed %x: %d, %v", tt.bytes, got, s.Err())
		}
	}
}

func TestTheFirstErrorSticksAndEndsEveryLoop(t *testing.T) {
	b := NewBuf(".debug_info", []byte{1, 2, 3}, 0)
	b.U8()
	if b.U32() != 0 {
		t.Error("a number was made up")
	}
	want := &DecodeError{".debug_info", 1, "unexpected end"}
	if de, ok := errors.AsType[*DecodeError](b.Err()); !ok || *de != *want {
		t.Errorf("got %v, want %v", b.Err(), want)
	}
	b.Seek(0)
	if b.U8() != 0 || b.Len() != 0 || b.Uleb() != 0 || b.CString() != nil || b.Bytes(1) != nil {
		t.Error("reads go on after an error")
	}
}

func TestLengthsThatReachBeyondTheSectionAreRefused(t *testing.T) {
	for name, f := range map[string]func(*Buf){
		"skip":   func(b *Buf) { b.Skip(math.MaxUint64) },
		"limit":  func(b *Buf) { b.Limit(4) },
		"seek":   func(b *Buf) { b.Seek(1 << 63) },
		"bytes":  func(b *Buf) { b.Bytes(4) },
		"string": func(b *Buf) { b.CString() },
	} {
		b := NewBuf("test", []byte{1, 2, 3}, 0)
		if f(&b); b.Err() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if b := NewBuf("test", nil, 1); b.Err() == nil {
		t.Error("a start outside of the section was accepted")
	}
}

func TestInitialLengthTellsTheDWARFFormat(t *testing.T) {
	tests := []struct {
		bytes   string
		n       uint64
		dwarf64 bool
		ok      bool
	}{
		{"\x10\x00\x00\x00", 16, false, true},
		{"\xff\xff\xff\xff\x10\x00\x00\x00\x00\x00\x00\x00", 16, true, true},
		{"\xf0\xff\xff\xff", 0, false, false}, // reserved
		{"\xff\xff\xff\xff\x10", 0, true, false},
	}
	for _, tt := range tests {
		b := NewBuf("test", []byte(tt.bytes), 0)
		if n, d := b.InitialLength(); n != tt.n || d != tt.dwarf64 || (b.Err() == nil) != tt.ok {
			t.Errorf("%x: %d %v %v", tt.bytes, n, d, b.Err())
		}
	}
}
