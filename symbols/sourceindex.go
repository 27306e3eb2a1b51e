package symbols

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"hash/fnv"
	"io"
	"math"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sys/unix"

	"ktrap/symbols/elffile"
	"ktrap/symbols/index"
)

// sourceIndex says where in the directory of an archive of sources the entry of a
// name stands. It lies in a file of its own beside the archive: 0.7 MB of one
// tree, where the directory has 4 MB that would be decoded to find one name. It
// has no names; what it points to is compared. One that does not fit its archive
// is no index, and is made again.
//
// Layout, little-endian: magic, version, checksum of what follows it; size and
// last bytes of the archive; entries by hash of the name, then by place: hash,
// place in the directory, size there.
type sourceIndex []byte // the entries, as they lie in the file

const (
	sourceIndexMagic   = "ktrapsrc"
	sourceIndexVersion = 1 // changes with the layout
	sourceIndexExt     = ".idx"
	sourceEntrySize    = 8 + 4 + 4
)

// errSourceIndex says that an index is damaged, stale or cannot be made.
var errSourceIndex = errors.New("no index of the archive of sources")

// sourceEntry is where an entry of a directory stands, from its start.
type sourceEntry struct{ off, size uint32 }

// sourceIndexOf names the index of an archive.
func sourceIndexOf(archive string) string {
	return strings.TrimSuffix(archive, ".zip") + sourceIndexExt
}

// find gives the entries with the hash of a name.
func (x sourceIndex) find(name string) (list []sourceEntry) {
	le := binary.LittleEndian
	hash, n := sourceHash(name), len(x)/sourceEntrySize
	for i := sort.Search(n, func(i int) bool { return le.Uint64(x[i*sourceEntrySize:]) >= hash }); i < n; i++ {
		e := x[i*sourceEntrySize:]
		if le.Uint64(e) != hash {
			break
		}
		list = append(list, sourceEntry{le.Uint32(e[8:]), le.Uint32(e[12:])})
	}
	return list
}

// withSourceIndex maps the index of an archive while use looks at it.
// Errors: errSourceIndex, those of mapping, those of use.
func withSourceIndex(path string, a *sourceArchive, use func(sourceIndex) error) error {
	data, err := index.MapFile(path)
	if err != nil {
		return err
	}
	err = elffile.Guard(func() error {
		x, err := readSourceIndex(data, a)
		if err != nil {
			return err
		}
		return use(x)
	})
	return errors.Join(err, unix.Munmap(data))
}

// readSourceIndex takes an index of an archive that lies in memory.
// Errors: errSourceIndex.
func readSourceIndex(data []byte, a *sourceArchive) (sourceIndex, error) {
	size := len(sourceIndexHead(a, nil))
	if len(data) < size || !bytes.Equal(data[:size], sourceIndexHead(a, data[size:])) {
		return nil, errSourceIndex
	}
	return data[size:], nil
}

// buildSourceIndex makes the file of an index from the whole directory.
// Errors: errSourceIndex when the archive is too large for one.
func buildSourceIndex(files []*zip.File, a *sourceArchive) ([]byte, error) {
	const fixed = 46 // bytes of an entry before its name
	type entry struct {
		hash uint64
		sourceEntry
	}
	list := make([]entry, len(files))
	off := int64(0)
	for i, f := range files {
		size := fixed + len(f.Name) + len(f.Extra) + len(f.Comment)
		list[i] = entry{sourceHash(f.Name), sourceEntry{uint32(off), uint32(size)}}
		off += int64(size)
	}
	if off != a.dirSize || a.dir+off > math.MaxUint32 {
		return nil, errSourceIndex
	}
	slices.SortFunc(list, func(a, b entry) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.off, b.off)) })
	entries := make([]byte, 0, len(list)*sourceEntrySize)
	for _, e := range list {
		entries = binary.LittleEndian.AppendUint64(entries, e.hash)
		entries = binary.LittleEndian.AppendUint32(entries, e.off)
		entries = binary.LittleEndian.AppendUint32(entries, e.size)
	}
	return append(sourceIndexHead(a, entries), entries...), nil
}

// sourceIndexHead gives what an index of an archive begins with.
func sourceIndexHead(a *sourceArchive, entries []byte) []byte {
	identity := binary.LittleEndian.AppendUint64(nil, uint64(a.size))
	identity = append(identity, a.end[:]...)
	sum := crc32.Checksum(identity, castagnoli())
	head := binary.LittleEndian.AppendUint32([]byte(sourceIndexMagic), sourceIndexVersion)
	head = binary.LittleEndian.AppendUint32(head, crc32.Update(sum, castagnoli(), entries))
	return append(head, identity...)
}

func sourceHash(name string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, name) // never fails
	return h.Sum64()
}
