package symbols

import (
	"debug/elf"
	"errors"
	"log/slog"
	"sync"

	"ktrap/symbols/addr"
	"ktrap/symbols/elffile"
	"ktrap/symbols/index"
	"ktrap/symbols/lines"
	"ktrap/symbols/types"
)

// OpenOptions adjusts [Open].
type OpenOptions struct {
	Log  *slog.Logger // nil discards
	Base *Image       // of a module: its vmlinux, for types and paths it shares
	// Fetch gets the debug information of a build-id from elsewhere and gives its
	// path; nil: only what is on this host is used.
	Fetch func(buildID string) (string, error)
}

func (o *OpenOptions) logger() *slog.Logger {
	if o == nil || o.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Log.With("c", "symbols")
}

// Image is one file with symbols: vmlinux or a module. What is costly is worked
// out when first asked for; it is safe for concurrent use.
type Image struct {
	// Immutable.
	file *elffile.File
	log  *slog.Logger
	base *Image

	lines *lines.Info
	types *types.Info

	tableOnce sync.Once
	table     *table

	bannerOnce sync.Once
	banner     string

	rootOnce sync.Once
	root     string
}

// Open opens vmlinux or a module, and the file that its debug information was
// split off to. It reads headers only.
func Open(path string, o *OpenOptions) (*Image, error) {
	f, err := elffile.Open(path)
	if err != nil {
		return nil, err
	}
	attachDebug(f, o, o.logger())
	return NewImage(f, o), nil
}

// NewImage makes an image of an open ELF file, which it then owns.
func NewImage(f *elffile.File, o *OpenOptions) *Image {
	im := &Image{file: f, log: o.logger(), lines: lines.New(f, keptIndexes(f))}
	if o != nil && o.Base != nil {
		im.base = o.Base
		im.types = types.NewModule(f, o.Base.types)
	} else {
		im.types = types.New(f)
	}
	return im
}

// keptIndexes says where the index of a file is kept. Modules are small, and the
// addresses in theirs are made up.
func keptIndexes(f *elffile.File) *index.Folder {
	if f.Type() == elf.ET_REL {
		return nil
	}
	return index.UserFolder()
}

// Prepare says that these addresses will be looked up in the image soon: many
// are made ready on all processors.
func (im *Image) Prepare(pcs []addr.LinkAddr) { im.lines.Prepare(pcs) }

// Close ends what goes on in the background and unmaps the file.
func (im *Image) Close() error {
	return errors.Join(im.lines.Close(), im.closeSymbols(), im.file.Close())
}

func (im *Image) closeSymbols() error {
	im.tableOnce.Do(func() {}) // not read any more
	if im.table == nil {
		return nil
	}
	return im.table.close()
}

// Path gives the path the image was opened with.
func (im *Image) Path() string { return im.file.Path() }

// File gives the ELF file, for sections.
func (im *Image) File() *elffile.File { return im.file }

// BuildID gives the GNU build-id in hexadecimal, "" when there is none.
func (im *Image) BuildID() string { return im.file.BuildID() }

// Types gives the types and variables of the image.
func (im *Image) Types() *types.Info { return im.types }

// HasSymbols reports whether the file has a symbol table.
func (im *Image) HasSymbols() bool { return im.symbols().syms.Len() > 1 }

// HasDWARF reports whether the image can answer with file and line.
func (im *Image) HasDWARF() bool {
	return im.file.Has(".debug_info") && im.file.Has(".debug_abbrev") && im.file.Has(".debug_line")
}

// Symbol gives the symbol of a name; of several the one at the lowest address.
func (im *Image) Symbol(name string) (Symbol, bool) {
	if s := im.symbols().named(name); len(s) > 0 {
		return s[0], true
	}
	return Symbol{}, false
}

// Symbols gives all symbols of a name, by address.
func (im *Image) Symbols(name string) []Symbol { return im.symbols().named(name) }

// SymbolAt gives the symbol that covers an address, as kallsyms would.
func (im *Image) SymbolAt(a addr.LinkAddr) (Symbol, bool) { return im.symbols().at(a) }

func (im *Image) symbols() *table {
	im.tableOnce.Do(func() { im.table = newTable(im.file, im.log) })
	return im.table
}
