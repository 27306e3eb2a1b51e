package expr

import (
	"ktrap/symbols/addr"
)

// window is a memory that reads the pages of one object once. Printing a
// struct touches each member by itself, and each read may cross a wire; but
// nothing outside of the object is read, for that may not be mapped.
type window struct {
	under      Memory
	start, end uint64
	at         uint64 // of data
	data       []byte
}

// cached gives an environment that reads the object behind a value by pages.
func (e *Env) cached(v Value) *Env {
	size, ok := v.Size()
	if e == nil || e.Memory == nil || !v.mem || v.typ == nil || !ok || uint64(v.addr)+uint64(size) < uint64(v.addr) {
		return e
	}
	out := *e
	out.Memory = &window{under: e.Memory, start: uint64(v.addr), end: uint64(v.addr) + uint64(size)}
	return &out
}

// ReadMemory reads within one page of the object from the copy of that page.
func (w *window) ReadMemory(p []byte, a addr.Addr) error {
	from, to := uint64(a), uint64(a)+uint64(len(p))
	page := from &^ (pageSize - 1)
	if from < w.start || to > w.end || to < from || to > page+pageSize {
		return w.under.ReadMemory(p, a)
	}
	if from < w.at || to > w.at+uint64(len(w.data)) {
		lo, hi := max(w.start, page), min(w.end, page+pageSize)
		data := make([]byte, hi-lo)
		if err := w.under.ReadMemory(data, addr.Addr(lo)); err != nil {
			return w.under.ReadMemory(p, a)
		}
		w.at, w.data = lo, data
	}
	copy(p, w.data[from-w.at:])
	return nil
}
