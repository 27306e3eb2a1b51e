package elffile

import (
	"debug/elf"

	"golang.org/x/sys/unix"
)

// Peek gives a way to read a little of a section here and there, which tells how
// many bytes it got; nil when the file does not have the section as it is wanted.
// To touch a byte of the mapping makes the kernel map many pages around it, which
// costs five times as much as a system call for the byte.
func (f *File) Peek(name string) func(p []byte, off uint64) int {
	in, i, err := f.holder(name)
	if err != nil {
		return nil
	}
	s := &in.sections[i]
	end := s.offset + s.fileSize
	if in.typ == elf.ET_REL || s.Flags&elf.SHF_COMPRESSED != 0 || s.zdebug || end < s.offset || end > uint64(len(in.data)) {
		return nil
	}
	if !in.reopen() {
		return nil
	}
	return func(p []byte, off uint64) int {
		if off >= s.fileSize {
			return 0
		}
		n, err := unix.Pread(in.peekFD, p[:min(uint64(len(p)), s.fileSize-off)], int64(s.offset+off))
		if err != nil {
			return 0
		}
		return n
	}
}

// reopen opens the file that is mapped; false when its path leads elsewhere by now.
// It is not kept open from the start as most files are never peeked at.
func (f *File) reopen() bool {
	f.peekOnce.Do(func() {
		if !f.mapped {
			return
		}
		fd, st, err := openFile(f.path)
		if err != nil {
			return
		}
		if st.Dev != f.stat.Dev || st.Ino != f.stat.Ino {
			unix.Close(fd) // read-only: nothing to lose
			return
		}
		f.peekFD, f.peekable = fd, true
	})
	return f.peekable
}
