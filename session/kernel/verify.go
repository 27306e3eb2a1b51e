package kernel

import (
	"bytes"
	"encoding/hex"
	"fmt"

	"ktrap/symbols/addr"
	"ktrap/symbols/elffile"
)

// Limits on what is read of a kernel nobody knows.
const (
	maxNotes    = 64 << 10
	maxScan     = 96 << 20 // no kernel image is larger
	scanStep    = 256 << 10
	scanOverlap = scanPage // a banner or note may lie across two steps
	scanPage    = 4096
	maxBanner   = 512
)

// verified checks a slide: banner and build-id must be those of the file.
// Errors: errNotHere if the banner is not there; *target.FaultError. A banner
// that fits with a build-id that does not gives a found with mismatch set.
func (f *finder) verified(slide addr.Slide, how string) (found, error) {
	want := f.image.Banner()
	at, ok := link(f.image, "linux_banner")
	if !ok {
		return found{}, errNotHere
	}
	got := make([]byte, len(want))
	if err := f.mem.ReadMemory(got, slide.Run(at)); err != nil {
		return found{}, fmt.Errorf("read linux_banner: %w", err)
	}
	if string(got) != want {
		return found{}, errNotHere
	}
	k := found{slide: slide, how: how, banner: want}
	id, err := f.buildIDAt(slide)
	if err != nil {
		return found{}, err
	}
	k.buildID = id
	if id != f.image.BuildID() {
		k.mismatch = f.mismatch(id, want)
	}
	return k, nil
}

// buildIDAt reads the build-id of the running kernel where the file has its
// own. "" if the file has no notes or the guest nothing that reads as one.
func (f *finder) buildIDAt(slide addr.Slide) (string, error) {
	at, size, ok := f.sections.SectionAddr(".notes")
	if !ok || size == 0 || size > maxNotes {
		return "", nil
	}
	notes := make([]byte, size)
	if err := f.mem.ReadMemory(notes, slide.Run(addr.LinkAddr(at))); err != nil {
		return "", fmt.Errorf("read .notes: %w", err)
	}
	return hex.EncodeToString(elffile.BuildIDNote(notes)), nil
}

func (f *finder) mismatch(id, banner string) *MismatchError {
	return &MismatchError{
		Path: f.image.Path(), FileID: f.image.BuildID(), FileBanner: f.image.Banner(),
		GuestID: id, GuestBanner: banner,
	}
}

// other finds out which kernel it is that the vmlinux does not belong to: its
// image is searched for a banner and a build-id note. It is the slow way to a
// good error message. The kernel's notes are the first behind its banner: pages
// before, which the kernel has given back, may hold those of any program. The search
// ends where modules begin, as they have notes of their own.
// Errors: ErrNotBooted if there is neither.
func (f *finder) other(text addr.Addr, slide addr.Slide) (found, error) {
	var id, banner string
	buf := make([]byte, scanOverlap+scanStep)
	end := min(text+maxScan, moduleSpace)
	for at := text; at < end && id == ""; at += scanStep {
		if err := f.readWithHoles(buf[scanOverlap:], at); err != nil {
			return found{}, fmt.Errorf("search the kernel image: %w", err)
		}
		from := 0
		if banner == "" {
			banner, from = findBanner(buf)
		}
		if banner != "" {
			id = findBuildID(buf, from)
		}
		copy(buf, buf[scanStep:])
	}
	if banner == "" {
		return found{}, ErrNotBooted
	}
	if !plausible(slide) {
		slide = 0
	}
	return found{slide: slide, how: "page tables", buildID: id, banner: banner, mismatch: f.mismatch(id, banner)}, nil
}

// readWithHoles reads what is mapped, zeros elsewhere: the kernel gives back
// the pages between its sections.
func (f *finder) readWithHoles(p []byte, a addr.Addr) error {
	err := f.mem.ReadMemory(p, a)
	if err == nil || stop(err) {
		return err
	}
	for off := 0; off < len(p); off += scanPage {
		page := p[off : off+scanPage]
		if err := f.mem.ReadMemory(page, a+addr.Addr(off)); stop(err) {
			return err
		} else if err != nil {
			clear(page)
		}
	}
	return nil
}

// findBanner finds a linux_banner: the text with a build number after #. Format
// strings have none, nor has the empty banner that kernels from 6.2 on carry
// beside the real one. at is its offset.
func findBanner(b []byte) (banner string, at int) {
	for {
		i := bytes.Index(b, []byte("Linux version "))
		if i < 0 {
			return "", 0
		}
		b, at = b[i:], at+i
		text, _, ok := bytes.Cut(b[:min(len(b), maxBanner)], []byte("\n"))
		_, number, _ := bytes.Cut(text, []byte(" #"))
		if ok && len(number) > 0 && number[0] >= '0' && number[0] <= '9' && !bytes.ContainsAny(text, "%\x00") {
			return string(text), at
		}
		b, at = b[1:], at+1
	}
}

// findBuildID finds a build-id note of 20 bytes that is the kernel's: the
// images of the vDSO have one as well, but in the page of their ELF header.
// Shape: b consists of whole pages; what lies before the offset at is left out.
func findBuildID(b []byte, at int) string {
	head := []byte("\x04\x00\x00\x00\x14\x00\x00\x00\x03\x00\x00\x00GNU\x00")
	for ; ; at += len(head) {
		i := bytes.Index(b[at:], head)
		if i < 0 {
			return ""
		}
		at += i
		id := b[at+len(head):]
		if len(id) >= 20 && !bytes.HasPrefix(b[at&^(scanPage-1):], []byte("\x7fELF")) {
			return hex.EncodeToString(id[:20])
		}
	}
}
