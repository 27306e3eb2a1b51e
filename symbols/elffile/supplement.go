package elffile

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
)

// ErrNoSupplement says that the file which dwz moved common debug information to
// was not found.
var ErrNoSupplement = errors.New("dwz moved shared debug information to a file that is not there")

// Supplement opens the file that dwz moved to what several files have in common,
// at the place the link to it says or where distributions keep files by build-id.
// nil without an error: there is no link.
// Errors: wraps ErrNoSupplement when none of the files is there, ErrOtherBuild when
// one is of something else.
// Source: dwz(1), "-m"; DWARF 5, section 7.3.6.
func (f *File) Supplement() (*File, error) {
	link, id, in := f.supplementLink()
	if link == "" {
		return nil, nil
	}
	f.altOnce.Do(func() { f.alt, f.altErr = openSupplement(in.path, link, id) })
	return f.alt, f.altErr
}

// supplementLink gives path and id of the supplementary file, and the file that
// says so; "" when there is none.
func (f *File) supplementLink() (link, id string, in *File) {
	for _, name := range []string{".gnu_debugaltlink", ".debug_sup"} {
		in, i, err := f.holder(name)
		if err != nil {
			continue
		}
		data, err := in.contents(i)
		if err != nil {
			continue
		}
		if name == ".gnu_debugaltlink" {
			path, id, _ := bytes.Cut(data, []byte{0})
			return string(path), hex.EncodeToString(id), in
		}
		if link, id, is := readSup(data); !is {
			return link, id, in
		}
	}
	return "", "", nil
}

// readSup reads .debug_sup: the link to the supplementary file, or the id of one
// that is such a file itself.
func readSup(data []byte) (link, id string, isSupplement bool) {
	if len(data) < 3 {
		return "", "", false
	}
	path, sum, ok := bytes.Cut(data[3:], []byte{0})
	// The length of the checksum is one byte: nothing has one of 128 or more.
	if !ok || len(sum) == 0 || sum[0] >= 0x80 || int(sum[0]) >= len(sum) {
		return "", "", false
	}
	return string(path), hex.EncodeToString(sum[1 : 1+sum[0]]), data[2] != 0
}

func openSupplement(from, link, id string) (*File, error) {
	places := []string{link}
	if !filepath.IsAbs(link) {
		places = []string{filepath.Join(filepath.Dir(from), link)}
		if real, err := filepath.EvalSymlinks(from); err == nil {
			places = append(places, filepath.Join(filepath.Dir(real), link))
		}
	}
	if len(id) > 2 {
		places = append(places, filepath.Join("/usr/lib/debug/.build-id", id[:2], id[2:]+".debug"))
	}
	err := fmt.Errorf("%w: %q, build-id %s; install it or copy it there", ErrNoSupplement, link, id)
	for _, path := range slices.Compact(places) {
		f, openErr := Open(path)
		if openErr != nil {
			if !errors.Is(openErr, fs.ErrNotExist) {
				err = fmt.Errorf("%w; %w", err, openErr)
			}
			continue
		}
		got := f.supplementID()
		if got == id {
			return f, nil
		}
		f.Close() // read-only: nothing to lose
		err = fmt.Errorf("%w; %q is not it: build-id %s: %w", err, path, got, ErrOtherBuild)
	}
	return nil, err
}

// supplementID gives what a link says of a supplementary file.
func (f *File) supplementID() string {
	if data, err := f.Section(".debug_sup"); err == nil {
		if _, id, is := readSup(data); is {
			return id
		}
	}
	return f.BuildID()
}
