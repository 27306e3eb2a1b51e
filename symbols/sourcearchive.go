package symbols

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// Sizes and signatures of a ZIP archive's last records. Those of [Unpack] have no
// comment; with more than 65,534 files the numbers stand in the larger record.
// Source: PKWARE APPNOTE.TXT 4.3.14 to 4.3.16.
const (
	zipLarge, zipLargeMagic     = 56, "PK\x06\x06"
	zipLocator, zipLocatorMagic = 20, "PK\x06\x07"
	zipEnd, zipEndMagic         = 22, "PK\x05\x06"
)

// errNoArchive says that a file does not end as an archive of sources does.
var errNoArchive = errors.New("not an archive of sources")

// sourceArchive is an archive that [Unpack] has made, opened without reading its
// directory of 40,000 entries and more.
type sourceArchive struct {
	file    *os.File
	size    int64
	end     [zipLarge + zipLocator + zipEnd]byte // its last bytes
	dir     int64                                // where the directory begins
	dirSize int64
}

// openArchive opens an archive.
// Errors: wraps errNoArchive.
func openArchive(path string) (*sourceArchive, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	a := &sourceArchive{file: f}
	if err := a.readEnd(); err != nil {
		return nil, errors.Join(fmt.Errorf("open %q: %w", path, err), f.Close())
	}
	return a, nil
}

// readEnd finds the directory.
func (a *sourceArchive) readEnd() error {
	st, err := a.file.Stat()
	if err != nil {
		return err
	}
	if a.size = st.Size(); a.size < int64(len(a.end)) {
		return errNoArchive
	}
	if _, err := a.file.ReadAt(a.end[:], a.size-int64(len(a.end))); err != nil {
		return err
	}
	le := binary.LittleEndian
	large, locator, end := a.end[:zipLarge], a.end[zipLarge:zipLarge+zipLocator], a.end[zipLarge+zipLocator:]
	if string(end[:4]) != zipEndMagic {
		return errNoArchive
	}
	behind := a.size - zipEnd
	a.dirSize, a.dir = int64(le.Uint32(end[12:])), int64(le.Uint32(end[16:]))
	if string(locator[:4]) == zipLocatorMagic && string(large[:4]) == zipLargeMagic {
		behind -= zipLocator + zipLarge
		a.dirSize, a.dir = int64(le.Uint64(large[40:])), int64(le.Uint64(large[48:]))
	}
	if a.dir < 0 || a.dirSize < 0 || a.dir > behind || a.dirSize != behind-a.dir {
		return errNoArchive
	}
	return nil
}

// files reads the whole directory.
func (a *sourceArchive) files() ([]*zip.File, error) {
	z, err := zip.NewReader(a.file, a.size)
	if err != nil {
		return nil, err
	}
	return z.File, nil
}

// entry reads one entry of the directory. archive/zip reads whole directories: it
// is shown an archive that has no other file.
func (a *sourceArchive) entry(e sourceEntry) (*zip.File, error) {
	if int64(e.off)+int64(e.size) > a.dirSize || a.dir > math.MaxUint32 {
		return nil, errSourceIndex
	}
	tail := make([]byte, e.size, int(e.size)+zipEnd)
	if _, err := a.file.ReadAt(tail, a.dir+int64(e.off)); err != nil {
		return nil, err
	}
	tail = append(tail, zipEndMagic+"\x00\x00\x00\x00\x01\x00\x01\x00"...)
	tail = binary.LittleEndian.AppendUint32(tail, e.size)
	tail = binary.LittleEndian.AppendUint32(tail, uint32(a.dir))
	tail = append(tail, 0, 0)
	z, err := zip.NewReader(&joined{a.file, a.dir, bytes.NewReader(tail)}, a.dir+int64(len(tail)))
	if err != nil {
		return nil, err
	}
	return z.File[0], nil
}

// find gives the entry of a name, at first by the index of the archive. A name
// that is not there needs a sound index only.
// Errors: ErrNoSource, those of reading.
func (a *sourceArchive) find(name string) (*zip.File, error) {
	path := sourceIndexOf(a.file.Name())
	var found *zip.File
	err := withSourceIndex(path, a, func(x sourceIndex) (err error) {
		found, err = a.indexed(x, name)
		return err
	})
	if err == nil || errors.Is(err, ErrNoSource) {
		return found, err
	}
	files, err := a.files()
	if err != nil {
		return nil, err
	}
	if x, err := buildSourceIndex(files, a); err == nil {
		// In a folder that cannot be written to there is none the next time either.
		_ = writeWhole(path, func(to io.Writer) error { _, err := to.Write(x); return err })
	}
	for _, f := range files {
		if f.Name == name {
			return f, nil
		}
	}
	return nil, ErrNoSource
}

// indexed gives the entry of a name that an index knows.
// Errors: ErrNoSource; others when the index is of another archive.
func (a *sourceArchive) indexed(x sourceIndex, name string) (*zip.File, error) {
	list := x.find(name)
	if len(list) == 0 {
		return nil, ErrNoSource
	}
	for _, e := range list {
		f, err := a.entry(e)
		if err != nil {
			return nil, err
		}
		if f.Name == name {
			return f, nil
		}
	}
	return nil, errSourceIndex
}

// joined is the front of a file with something else behind it.
type joined struct {
	file io.ReaderAt
	size int64 // of the front
	tail io.ReaderAt
}

// ReadAt reads.
func (j *joined) ReadAt(p []byte, off int64) (n int, err error) {
	if front := j.size - off; front > 0 {
		if n, err = j.file.ReadAt(p[:min(front, int64(len(p)))], off); n == len(p) || err != nil {
			return n, err
		}
	}
	more, err := j.tail.ReadAt(p[n:], off+int64(n)-j.size)
	return n + more, err
}

// Close closes the archive.
func (a *sourceArchive) Close() error { return a.file.Close() }
