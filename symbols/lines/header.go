package lines

import (
	"path"

	"ktrap/symbols/dwarfx"
)

// header is the header of a line program.
type header struct {
	dwarfx.Encoding
	minInst    uint64
	defaultIs  bool
	lineBase   int64
	lineRange  uint32
	opcodeBase uint8
	opcodeLen  []byte
	dirs       []file
	files      []file
	program    dwarfx.Buf
	unit       *dwarfx.Unit // to look names up in
}

// file is one entry of the file table or, without dir, of that of directories.
// The name is not looked up: most are never asked for.
type file struct {
	name dwarfx.Value
	dir  uint64
}

// Content types of the v5 directory and file tables.
const (
	lnctPath     = 1
	lnctDirIndex = 2
)

// readHeader decodes the header of the line program of a unit.
func readHeader(u *dwarfx.Unit) (*header, error) {
	b := dwarfx.NewBuf(".debug_line", u.Sec.Line, u.StmtList)
	h := &header{unit: u}
	n, dwarf64 := b.InitialLength()
	b.Limit(n)
	h.Encoding = dwarfx.Encoding{Version: b.U16(), AddrSize: u.AddrSize, DWARF64: dwarf64}
	if b.Err() == nil && (h.Version < 2 || h.Version > 5) {
		b.Fail("line program version %d is not supported", h.Version)
	}
	if h.Version >= 5 {
		h.AddrSize = b.U8()
		b.U8() // segment selector size
	}
	n = b.Offset(dwarf64)
	start := uint64(b.Off()) + n
	h.minInst = uint64(b.U8())
	if h.Version >= 4 {
		b.U8() // operations per instruction: 1 on everything Linux runs on but ia64
	}
	h.defaultIs = b.U8() != 0
	h.lineBase = int64(int8(b.U8()))
	h.lineRange = uint32(b.U8())
	h.opcodeBase = b.U8()
	if h.opcodeBase > 0 {
		h.opcodeLen = b.Bytes(uint64(h.opcodeBase) - 1)
	}
	if h.Version >= 5 {
		h.dirs, h.files = h.readEntries(&b), h.readEntries(&b)
	} else {
		h.readTables4(&b)
	}
	b.Seek(start)
	h.program = b
	return h, b.Err()
}

// readTables4 reads the tables of DWARF 2 to 4, where index 0 is not written:
// it means the directory of the compilation.
func (h *header) readTables4(b *dwarfx.Buf) {
	text := func(s []byte) dwarfx.Value { return dwarfx.Value{Form: dwarfx.FormString, Raw: s} }
	h.dirs = append(h.dirs, file{})
	for {
		s := b.CString()
		if len(s) == 0 {
			break
		}
		h.dirs = append(h.dirs, file{name: text(s)})
	}
	h.files = append(h.files, file{})
	for {
		s := b.CString()
		if len(s) == 0 {
			return
		}
		h.files = append(h.files, file{text(s), b.Uleb()})
		b.Uleb() // time
		b.Uleb() // size
	}
}

// readEntries reads one self-describing table of DWARF 5.
func (h *header) readEntries(b *dwarfx.Buf) []file {
	formats := make([]dwarfx.AttrSpec, b.U8())
	for i := range formats {
		formats[i] = dwarfx.AttrSpec{Attr: dwarfx.Attr(b.Uleb()), Form: dwarfx.Form(b.Uleb())}
	}
	count := b.Uleb()
	if count > uint64(b.Len()) {
		b.Fail("table of %d entries in %d bytes", count, b.Len())
		return nil
	}
	files := make([]file, 0, count)
	for range count {
		var f file
		for _, s := range formats {
			v := b.Value(s, h.Encoding)
			switch s.Attr {
			case lnctPath:
				f.name = v
			case lnctDirIndex:
				f.dir = v.U
			}
		}
		if b.Err() != nil {
			return nil
		}
		files = append(files, f)
	}
	return files
}

// path gives the path of a file of the table, made absolute as far as the file
// allows with the directory of the compilation.
func (h *header) path(n uint64, compDir string) string {
	if n >= uint64(len(h.files)) {
		return ""
	}
	f := h.files[n]
	name, dir := h.unit.String(f.name), ""
	if name == "" {
		return ""
	}
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	if f.dir < uint64(len(h.dirs)) {
		dir = h.unit.String(h.dirs[f.dir].name)
	}
	// Directory 0 of DWARF 5 is the compilation's own; others are relative to it.
	if path.IsAbs(dir) || h.Version >= 5 && f.dir == 0 {
		return path.Join(dir, name)
	}
	return path.Join(compDir, dir, name)
}
