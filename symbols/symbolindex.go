package symbols

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sort"

	"ktrap/symbols/elffile"
	"ktrap/symbols/index"
)

// symbolIndex is the order by address and the index of names of a symbol table as
// they are kept for the next process, mapped and not decoded. It has numbers of
// entries only: names and addresses are always those of the file.
//
// Layout, little-endian: magic, version, checksum of what follows it; identity of
// the image; how many numbers the three parts have; the entries by address, the
// heads and the chains of the index of names.
type symbolIndex struct {
	order numbers // entries by address, in file order where that is the same
	names nameIndex
}

const (
	symbolIndexMagic = "ktrapsym"
	// symbolIndexVersion changes with the layout and with what the kernel's table
	// leaves out.
	symbolIndexVersion = 1
	symbolIndexHead    = 8 + 4 + 4 + 32 + 3*4
)

// numbers are entries of a symbol table, four bytes each.
type numbers []byte

func (x numbers) len() int           { return len(x) / 4 }
func (x numbers) at(i int) int32     { return int32(binary.LittleEndian.Uint32(x[i*4:])) }
func (x numbers) set(i int, n int32) { binary.LittleEndian.PutUint32(x[i*4:], uint32(n)) }

// symbolIdentity tells apart the images that an index could be for; false for one
// that cannot be told from another.
func symbolIdentity(f *elffile.File) (id index.Identity, ok bool) {
	build, stamp := f.BuildID(), f.Stamp(".symtab")
	if build == "" || stamp == "" {
		return id, false
	}
	h := sha256.New()
	fmt.Fprintf(h, "symbols %q %s\n", build, stamp)
	for _, s := range f.Sections() {
		fmt.Fprintf(h, "%q %x %x %x\n", s.Name, s.Flags, s.Addr, s.Size)
	}
	return index.Identity(h.Sum(nil)), true
}

// appendSymbolIndex makes the file of an index.
func appendSymbolIndex(out []byte, id index.Identity, x *symbolIndex) []byte {
	body := bytes.Join([][]byte{x.order, x.names.heads, x.names.next}, nil)
	return append(appendSymbolHead(out, id, [3]int{x.order.len(), x.names.heads.len(), x.names.next.len()}, body), body...)
}

func appendSymbolHead(out []byte, id index.Identity, count [3]int, body []byte) []byte {
	checked := append([]byte(nil), id[:]...)
	for _, n := range count {
		checked = binary.LittleEndian.AppendUint32(checked, uint32(n))
	}
	sum := crc32.Update(crc32.Checksum(checked, castagnoli()), castagnoli(), body)
	out = append(out, symbolIndexMagic...)
	out = binary.LittleEndian.AppendUint32(out, symbolIndexVersion)
	out = binary.LittleEndian.AppendUint32(out, sum)
	return append(out, checked...)
}

// readSymbolIndex takes an index that lies in memory, of a table with that many
// entries; nil when it is damaged or of another image.
func readSymbolIndex(data []byte, id index.Identity, entries int) *symbolIndex {
	if len(data) < symbolIndexHead {
		return nil
	}
	var count [3]int
	total := 0
	for i := range count {
		count[i] = int(binary.LittleEndian.Uint32(data[symbolIndexHead-4*(3-i):]))
		total += 4 * count[i]
	}
	body := data[symbolIndexHead:]
	if len(body) != total || count[1] != nameHeads(entries) || count[2] != entries ||
		!bytes.Equal(data[:symbolIndexHead], appendSymbolHead(nil, id, count, body)) {
		return nil
	}
	heads := body[4*count[0]:]
	return &symbolIndex{numbers(body[:4*count[0]]), nameIndex{numbers(heads[:4*count[1]]), numbers(heads[4*count[1]:])}}
}

// search is SymbolTable.Around with the order of an index; false when the index
// and the table contradict each other.
func (x *symbolIndex) search(t *table, a uint64) (r elffile.Around, ok bool) {
	ok = true
	at := func(i int) uint64 {
		n := int(x.order.at(i))
		if n <= 0 || n >= t.syms.Len() {
			ok = false
			return 0
		}
		v, placed := t.place(n)
		ok = ok && placed
		return v
	}
	n := x.order.len()
	end := sort.Search(n, func(i int) bool { return at(i) > a })
	if r.Last = end == n; !r.Last {
		r.Next = at(end)
	}
	start := end
	for start > 0 && at(start-1) == at(end-1) {
		start--
	}
	for i := start; i < end; i++ {
		r.Start, r.At = at(i), append(r.At, x.order.at(i))
	}
	return r, ok && (len(r.At) == 0 || r.Start <= a) && (r.Last || r.Next > a)
}
