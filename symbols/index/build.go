package index

import (
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"
)

// Identity says of which file an index is: build-id and what else tells apart
// files of one build-id. It is not empty.
type Identity [32]byte

const (
	magic = "ktrapidx"
	// version changes with the layout and with what the answers are made of: an
	// index of another version is built again.
	version = 1

	maxString = 4096
	// maxSize bounds an index; that of a distribution's kernel has 15 MB.
	maxSize    = 1 << 30
	maxStrings = maxSize / 4
)

// The parts of an index, in order.
const (
	partBlocks = iota
	partUnits
	partNumbers
	partRows
	partScopes
	partStrings
	parts
)

const (
	// header: magic, version, checksum, identity, sizes of the parts.
	headerSize = 8 + 4 + 4 + 32 + 8*parts
	checkedAt  = 16 // the checksum covers what follows it

	blockSize = 16 // address, unit, offset in rows
	unitSize  = 20 // directory, names, files, scopes, size of scopes
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Build joins units into an index. It fails only when there is too much for one.
func Build(id Identity, s *Strings, units []*Unit) ([]byte, error) {
	var size [parts]int
	var blocks []block
	rows, scopes, numbers := 0, 0, 0
	for n, u := range units {
		for _, b := range u.blocks {
			blocks = append(blocks, block{b.addr, uint32(n), b.off + uint32(rows)})
		}
		rows += len(u.rows)
		scopes += len(u.scopes)
		numbers += len(u.names) + len(u.files)
	}
	slices.SortFunc(blocks, func(a, b block) int { return cmp.Compare(a.addr, b.addr) })
	size = [parts]int{len(blocks) * blockSize, len(units) * unitSize, numbers * 4, rows, scopes, len(s.data)}
	total := headerSize
	for _, n := range size {
		total += n
	}
	if total > maxSize || rows > math.MaxUint32 || s.full {
		return nil, ErrTooLarge
	}
	out := make([]byte, 0, total)
	out = append(out, magic...)
	out = le.AppendUint32(out, version)
	out = append(out, 0, 0, 0, 0)
	out = append(out, id[:]...)
	for _, n := range size {
		out = le.AppendUint64(out, uint64(n))
	}
	out = appendTables(out, blocks, units)
	for _, u := range units {
		out = append(out, u.rows...)
	}
	for _, u := range units {
		out = append(out, u.scopes...)
	}
	out = append(out, s.data...)
	le.PutUint32(out[12:], crc32.Checksum(out[checkedAt:], castagnoli))
	return out, nil
}

// appendTables appends blocks, units and numbers.
func appendTables(out []byte, blocks []block, units []*Unit) []byte {
	for _, b := range blocks {
		out = le.AppendUint64(out, b.addr)
		out = le.AppendUint32(out, b.unit)
		out = le.AppendUint32(out, b.off)
	}
	number, scope := 0, 0
	for _, u := range units {
		for _, v := range [...]int{int(u.dir), number, number + len(u.names), scope, len(u.scopes)} {
			out = le.AppendUint32(out, uint32(v))
		}
		number += len(u.names) + len(u.files)
		scope += len(u.scopes)
	}
	for _, u := range units {
		for _, off := range u.names {
			out = le.AppendUint32(out, off)
		}
		for _, off := range u.files {
			out = le.AppendUint32(out, off)
		}
	}
	return out
}

var le = binary.LittleEndian
