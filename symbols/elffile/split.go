package elffile

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
)

// ErrOtherBuild says that split-off debug information is of another build.
var ErrOtherBuild = errors.New("debug information of another build")

// DebugLink gives the name and the checksum of the file that .gnu_debuglink
// says the debug information was split off to; false when there is none.
// Source: GDB manual "Debugging Information in Separate Files".
func (f *File) DebugLink() (name string, crc uint32, ok bool) {
	data, err := f.Section(".gnu_debuglink")
	if err != nil {
		return "", 0, false
	}
	end := bytes.IndexByte(data, 0)
	at := (end + 4) &^ 3
	if end <= 0 || at+4 > len(data) || bytes.ContainsRune(data[:end], '/') {
		return "", 0, false
	}
	return string(data[:end]), le.Uint32(data[at:]), true
}

// Attach ties a file with what was split off it: sections without contents here
// and a missing symbol table are then taken from there. It must come before the
// first question; f owns debug if there is no error.
// Errors: wraps ErrOtherBuild when the build-ids differ, or there are none and
// the checksum of the debug link does not fit.
func (f *File) Attach(debug *File) error {
	if err := f.sameBuild(debug); err != nil {
		return fmt.Errorf("use %q: %w", debug.path, err)
	}
	own, other := f.allocated(), debug.allocated()
	f.ofDebug = make([]int, len(debug.sections))
	for n, i := range own {
		// Addresses in a module are made up from the order of its sections.
		if s := f.sections[i]; n >= len(other) || debug.sections[other[n]].Name != s.Name || debug.sections[other[n]].Addr != s.Addr {
			return fmt.Errorf("use %q: %s is elsewhere: %w", debug.path, s.Name, ErrOtherBuild)
		}
		f.ofDebug[other[n]] = i
	}
	f.debug = debug
	return nil
}

// allocated lists the sections that are in memory at run time.
func (f *File) allocated() (list []int) {
	for i, s := range f.sections {
		if s.Alloc() {
			list = append(list, i)
		}
	}
	return list
}

func (f *File) sameBuild(debug *File) error {
	own, other := f.BuildID(), debug.BuildID()
	if own != "" || other != "" {
		if own != other {
			return fmt.Errorf("build-id %s, want %s: %w", other, own, ErrOtherBuild)
		}
		return nil
	}
	_, want, ok := f.DebugLink()
	if !ok {
		return fmt.Errorf("neither build-id nor debug link prove it: %w", ErrOtherBuild)
	}
	var got uint32
	if err := Guard(func() error { got = crc32.ChecksumIEEE(debug.data); return nil }); err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("checksum %#x, want %#x: %w", got, want, ErrOtherBuild)
	}
	return nil
}
