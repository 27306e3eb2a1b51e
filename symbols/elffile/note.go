package elffile

import (
	"debug/elf"
	"encoding/hex"
)

// ntGNUBuildID is NT_GNU_BUILD_ID of an ELF note of the owner "GNU".
const ntGNUBuildID = 3

// BuildID gives the GNU build-id in hexadecimal, "" when there is none.
func (f *File) BuildID() string {
	for i := range f.sections {
		if f.sections[i].Type != elf.SHT_NOTE {
			continue
		}
		notes, err := f.contents(i)
		if err != nil {
			continue
		}
		if id := BuildIDNote(notes); id != nil {
			return hex.EncodeToString(id)
		}
	}
	return ""
}

// BuildIDNote finds the GNU build-id in the contents of a note section; it
// serves for notes read from guest memory as well. nil when there is none.
func BuildIDNote(notes []byte) []byte {
	for len(notes) >= 12 {
		nameLen, descLen := uint64(le.Uint32(notes)), uint64(le.Uint32(notes[4:]))
		typ := le.Uint32(notes[8:])
		desc := 12 + (nameLen+3)&^3
		next := desc + (descLen+3)&^3
		if desc+descLen > uint64(len(notes)) {
			return nil
		}
		if typ == ntGNUBuildID && descLen > 0 && string(notes[12:12+nameLen]) == "GNU\x00" {
			return append([]byte(nil), notes[desc:desc+descLen]...)
		}
		notes = notes[min(next, uint64(len(notes))):]
	}
	return nil
}
