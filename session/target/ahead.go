package target

import (
	"sync"

	"ktrap/symbols/addr"
)

// ahead holds memory of the kernel half that was read in one stop before anybody asked
// for it. Its replies may come while somebody has the stop lease.
type ahead struct {
	mu     sync.Mutex // any goroutine puts, the holder of the lease reads
	epoch  uint64
	over   bool // memory was written, in this stop: what is under way may be older
	pieces []piece
}

// piece is memory that was read without its page.
type piece struct {
	at addr.Addr
	b  []byte
}

// begin drops what is of an earlier stop. Called with mu held.
func (h *ahead) begin(epoch uint64) {
	if h.epoch < epoch {
		h.epoch, h.over, h.pieces = epoch, false, nil
	}
}

// put keeps what was read in a stop.
func (h *ahead) put(epoch uint64, b []byte, a addr.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.begin(epoch); h.epoch == epoch && !h.over {
		h.pieces = append(h.pieces, piece{a, b})
	}
}

// fill copies len(p) bytes from a on out of a piece that has them all.
func (h *ahead) fill(epoch uint64, p []byte, a addr.Addr) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.epoch != epoch {
		return false
	}
	for _, one := range h.pieces {
		if off := uint64(a - one.at); a >= one.at && off+uint64(len(p)) <= uint64(len(one.b)) {
			copy(p, one.b[off:])
			return true
		}
	}
	return false
}

// end drops all until the next stop.
func (h *ahead) end(epoch uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.begin(epoch)
	h.over, h.pieces = true, nil
}

// LearnMemory keeps what somebody else has read of the kernel half in the stop that epoch
// numbers. It may be called from any goroutine.
func (t *Target) LearnMemory(epoch uint64, b []byte, a addr.Addr) { t.ahead.put(epoch, b, a) }
