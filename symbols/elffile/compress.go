package elffile

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	// maxSection bounds one decompressed section or file.
	maxSection = 4 << 30
	// minRoom and maxRatio bound what all sections of a file may hold when
	// decompressed. Debug information reaches a ratio of 20, so a file that claims
	// more is made to exhaust memory.
	minRoom  = 16 << 20
	maxRatio = 64
	// maxWindow bounds what decoders keep of the text before; xz -9 and zstd
	// --ultra want 128 MB at most.
	maxWindow = 128 << 20
)

var errBomb = errors.New("decompressed size is out of all proportion")

// room gives how much a compressed file of a size may hold.
func room(size int) int64 { return min(minRoom+int64(size)*maxRatio, maxSection) }

// inflateSection decompresses the contents of an SHF_COMPRESSED section.
// Source: ELF gABI, Elf64_Chdr.
func (f *File) inflateSection(raw []byte) ([]byte, error) {
	if len(raw) < 24 {
		return nil, errors.New("compression header is cut off")
	}
	return f.inflate(elf.CompressionType(le.Uint32(raw)), le.Uint64(raw[8:]), raw[24:])
}

// inflateZdebug decompresses a .zdebug_ section.
// Source: binutils bfd/compress.c: "ZLIB", the size in 8 bytes, big-endian.
func (f *File) inflateZdebug(raw []byte) ([]byte, error) {
	if len(raw) < 12 || string(raw[:4]) != "ZLIB" {
		return nil, errors.New("compression header is missing")
	}
	return f.inflate(elf.COMPRESS_ZLIB, binary.BigEndian.Uint64(raw[4:]), raw[12:])
}

func (f *File) inflate(typ elf.CompressionType, size uint64, body []byte) ([]byte, error) {
	if size > maxSection || f.inflated.Add(int64(size)) > room(len(f.data)) {
		return nil, errBomb
	}
	r, err := sectionReader(typ, body)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("decompress (%v): %w", typ, err)
	}
	return data, nil
}

func sectionReader(typ elf.CompressionType, body []byte) (io.ReadCloser, error) {
	switch typ {
	case elf.COMPRESS_ZLIB:
		return zlib.NewReader(bytes.NewReader(body))
	case elf.COMPRESS_ZSTD:
		return newZstd(body)
	}
	return nil, fmt.Errorf("compression %v is not supported", typ)
}

func newZstd(body []byte) (io.ReadCloser, error) {
	d, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderMaxMemory(maxSection),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// decompressFile undoes the compression of a whole file as module packages use
// it. nil without an error: the file is not compressed.
func decompressFile(data []byte) ([]byte, error) {
	var r io.Reader
	var err error
	switch {
	case bytes.HasPrefix(data, []byte("\x1f\x8b")):
		r, err = gzip.NewReader(bytes.NewReader(data))
	case bytes.HasPrefix(data, []byte(xzMagic)):
		return decompressXZ(data, room(len(data)))
	case bytes.HasPrefix(data, []byte("\x28\xb5\x2f\xfd")):
		var z io.ReadCloser
		if z, err = newZstd(data); err == nil {
			defer z.Close()
			r = z
		}
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	limit := room(len(data))
	plain, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(plain)) > limit {
		return nil, errBomb
	}
	return plain, nil
}
