package elffile

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

const (
	xzMagic       = "\xfd7zXZ\x00"
	xzFooterMagic = "YZ"
	xzHeaderSize  = 12 // of a stream; its footer has as many
	xzLZMA2       = 0x21
	// xzDictRatio bounds the dictionaries of all blocks together by what came out of
	// the blocks before: they are allocated anew for each.
	xzDictRatio = 16
)

var errXZ = errors.New("damaged xz file")

// xzFile is an xz file that is being decompressed. Its container is read here
// and not by package xz, which allocates what any block says its dictionary takes.
// Source: The .xz File Format 1.2.1.
type xzFile struct {
	*bytes.Reader
	data  []byte
	out   []byte
	limit int64 // of out
	dicts int64 // bytes allocated for dictionaries
}

// decompressXZ decompresses streams up to the end of a file.
func decompressXZ(data []byte, limit int64) ([]byte, error) {
	x := &xzFile{Reader: bytes.NewReader(data), data: data, limit: limit}
	for x.Len() > 0 {
		if bytes.HasPrefix(x.rest(), make([]byte, 4)) {
			x.take(4) // padding between streams
			continue
		}
		if err := x.stream(); err != nil {
			return nil, err
		}
	}
	return x.out, nil
}

func (x *xzFile) rest() []byte { return x.data[len(x.data)-x.Len():] }

// take gives the next bytes; fewer at the end.
func (x *xzFile) take(n int) []byte {
	b := x.rest()
	b = b[:min(n, len(b))]
	_, _ = x.Seek(int64(len(b)), io.SeekCurrent) // a reader of bytes can
	return b
}

// summed takes bytes that a checksum follows.
func (x *xzFile) summed(n int) ([]byte, error) {
	b, sum := x.take(n), x.take(4)
	if len(sum) < 4 || le.Uint32(sum) != crc32.ChecksumIEEE(b) {
		return nil, fmt.Errorf("checksum of header: %w", errXZ)
	}
	return b, nil
}

func (x *xzFile) stream() error {
	if string(x.take(len(xzMagic))) != xzMagic {
		return fmt.Errorf("stream header: %w", errXZ)
	}
	flags, err := x.summed(2)
	if err != nil {
		return err
	}
	check, err := xzCheck(flags[1])
	if err != nil {
		return err
	}
	blocks := uint64(0)
	for {
		if b := x.rest(); len(b) == 0 || b[0] == 0 {
			break
		}
		if err := x.block(check); err != nil {
			return err
		}
		blocks++
	}
	return x.tail(blocks)
}

// xzCheck gives the kind of checksum that a stream has; nil: none.
func xzCheck(kind byte) (func() hash.Hash, error) {
	switch kind {
	case 0:
		return nil, nil
	case 1:
		return func() hash.Hash { return crc32.NewIEEE() }, nil
	case 4:
		return func() hash.Hash { return crc64.New(crc64.MakeTable(crc64.ECMA)) }, nil
	case 10:
		return sha256.New, nil
	}
	return nil, fmt.Errorf("xz check %d is not supported", kind)
}

// block decompresses one block.
func (x *xzFile) block(check func() hash.Hash) error {
	start := len(x.data) - x.Len()
	size := (int(x.rest()[0]) + 1) * 4
	header, err := x.summed(size - 4)
	if err != nil {
		return err
	}
	dict, err := x.dictionary(header)
	if err != nil {
		return err
	}
	r, err := lzma.Reader2Config{DictCap: dict}.NewReader2(x.Reader)
	if err != nil {
		return err
	}
	was := len(x.out)
	plain := bytes.NewBuffer(x.out)
	_, err = io.Copy(plain, io.LimitReader(r, x.limit-int64(was)+1))
	if x.out = plain.Bytes(); err != nil {
		return err
	}
	if int64(len(x.out)) > x.limit {
		return errBomb
	}
	x.take((start - (len(x.data) - x.Len())) & 3) // padding
	if check == nil {
		return nil
	}
	sum := check()
	sum.Write(x.out[was:])
	want := sum.Sum(nil)
	got := x.take(len(want))
	if sum.Size() < sha256.Size {
		got = backwards(got) // numbers are little-endian
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("checksum of block: %w", errXZ)
	}
	return nil
}

func backwards(b []byte) (out []byte) {
	for n := range b {
		out = append(out, b[len(b)-1-n])
	}
	return out
}

// dictionary gives the size of the dictionary that a block needs: no distance
// reaches further back than its start.
func (x *xzFile) dictionary(header []byte) (int, error) {
	flags, b := header[1], bytes.NewReader(header[2:])
	need := x.limit - int64(len(x.out)) + 1
	if flags&0x40 != 0 { // compressed size
		_, _ = binary.ReadUvarint(b) // cut off: there is no filter then
	}
	if flags&0x80 != 0 {
		size, _ := binary.ReadUvarint(b) // as above
		need = int64(min(uint64(need), size))
	}
	var filter [3]byte
	if n, _ := io.ReadFull(b, filter[:]); flags&0x3f != 0 || n < 3 || filter[0] != xzLZMA2 || filter[1] != 1 {
		return 0, errors.New("only the xz filter LZMA2 is supported")
	}
	size, err := lzma.DecodeDictCap(filter[2])
	if err != nil || size > maxWindow {
		return 0, fmt.Errorf("dictionary of %d MB, at most %d are supported", size>>20, maxWindow>>20)
	}
	size = max(min(size, need), lzma.MinDictCap)
	if x.dicts > maxWindow+xzDictRatio*int64(len(x.out)) {
		return 0, errBomb
	}
	x.dicts += size
	return int(size), nil
}

// tail reads the index and the footer of a stream.
func (x *xzFile) tail(blocks uint64) error {
	start := len(x.data) - x.Len()
	_, _ = x.ReadByte()
	n, err := binary.ReadUvarint(x)
	if err != nil || n != blocks {
		return fmt.Errorf("index of %d blocks, %d are there: %w", n, blocks, errXZ)
	}
	for range 2 * n {
		if _, err := binary.ReadUvarint(x); err != nil {
			return fmt.Errorf("index is cut off: %w", errXZ)
		}
	}
	size := len(x.data) - x.Len() - start
	size += -size & 3
	_, _ = x.Seek(int64(start), io.SeekStart) // where it was before
	if _, err := x.summed(size); err != nil {
		return err
	}
	if footer := x.take(xzHeaderSize); len(footer) < xzHeaderSize || string(footer[10:]) != xzFooterMagic {
		return fmt.Errorf("stream footer: %w", errXZ)
	}
	return nil
}
