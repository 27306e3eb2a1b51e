package kernel

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"ktrap/session/target"
	"ktrap/symbols/addr"
)

// The printk ring buffer, 5.10 and later: descriptors and infos lie in two
// arrays with the same index, texts in a ring of bytes.
// Source: linux kernel/printk/printk_ringbuffer.h.
const (
	maxRingBits = 26 // of either ring

	descStateShift = 62
	descIDMask     = 1<<descStateShift - 1
	descReserved   = 0
	descCommitted  = 1
	descFinalized  = 2

	noData   = 1 // begin and next of a record without text are odd
	blockIDs = 8 // each text begins with the id of its descriptor
)

// ring is the log buffer with the part of its descriptors that is in use.
type ring struct {
	mem      target.Memory
	desc     *shape // prb_desc
	info     *shape // printk_info
	descs    addr.Addr
	infos    addr.Addr
	bits     uint
	data     addr.Addr
	dataBits uint
	head     uint64 // id of the newest descriptor
	tail     uint64 // id of the oldest
}

// readRing reads the records of the buffer to which the pointer at prb leads.
func readRing(m target.Memory, l layouts, prb addr.Addr, from uint64) ([]Record, error) {
	r, err := openRing(m, l, prb)
	if err != nil {
		return nil, err
	}
	if err := r.skipTo(from); err != nil {
		return nil, err
	}
	n := (r.head-r.tail)&descIDMask + 1
	descs, err := readWrapped(m, r.descs, r.bits, r.tail, n, r.desc.size)
	if err != nil {
		return nil, fmt.Errorf("read descriptors: %w", err)
	}
	infos, err := readWrapped(m, r.infos, r.bits, r.tail, n, r.info.size)
	if err != nil {
		return nil, fmt.Errorf("read infos: %w", err)
	}
	return r.records(descs, infos, int(n), from)
}

func openRing(m target.Memory, l layouts, prb addr.Addr) (*ring, error) {
	r := &ring{mem: m}
	rb, err := shapeOf(l, "printk_ringbuffer",
		"desc_ring.count_bits", "desc_ring.descs", "desc_ring.infos", "desc_ring.head_id", "desc_ring.tail_id",
		"text_data_ring.size_bits", "text_data_ring.data")
	if err == nil {
		err = rb.need("desc_ring.count_bits", "desc_ring.descs", "desc_ring.infos", "desc_ring.head_id",
			"desc_ring.tail_id", "text_data_ring.size_bits", "text_data_ring.data")
	}
	if err != nil {
		return nil, err
	}
	if r.desc, err = shapeOf(l, "prb_desc", "state_var", "text_blk_lpos.begin", "text_blk_lpos.next"); err != nil {
		return nil, err
	}
	if r.info, err = shapeOf(l, "printk_info", "seq", "ts_nsec", "text_len", "facility", "flags", "level", "caller_id"); err != nil {
		return nil, err
	}
	at, err := readPtr(m, prb)
	if err != nil {
		return nil, err
	}
	o, err := rb.read(m, at)
	if err != nil {
		return nil, err
	}
	bits, _ := o.uint("desc_ring.count_bits")
	dataBits, _ := o.uint("text_data_ring.size_bits")
	r.bits, r.dataBits = uint(bits), uint(dataBits)
	r.descs, r.infos, r.data = o.ptr("desc_ring.descs"), o.ptr("desc_ring.infos"), o.ptr("text_data_ring.data")
	r.head, _ = o.uint("desc_ring.head_id")
	r.tail, _ = o.uint("desc_ring.tail_id")
	r.head, r.tail = r.head&descIDMask, r.tail&descIDMask
	return r, r.check(at)
}

// check refuses sizes no kernel has.
func (r *ring) check(at addr.Addr) error {
	n := (r.head-r.tail)&descIDMask + 1
	switch {
	case r.bits == 0 || r.bits > maxRingBits || r.dataBits < 3 || r.dataBits > maxRingBits:
		return &CorruptError{"log buffer", at, fmt.Sprintf("sizes of 2^%d and 2^%d", r.bits, r.dataBits)}
	case n > 1<<r.bits:
		return &CorruptError{"log buffer", at, fmt.Sprintf("%d records in %d places", n, uint64(1)<<r.bits)}
	case n*uint64(r.info.size) > maxLog || r.desc.size <= 0 || r.info.size <= 0:
		return &CorruptError{"log buffer", at, fmt.Sprintf("%d records", n)}
	}
	return nil
}

// skipTo moves the tail to a sequence number. Ids and sequence numbers count
// together, so the newest record tells how far back it is.
func (r *ring) skipTo(from uint64) error {
	if from == 0 {
		return nil
	}
	o, err := r.info.read(r.mem, r.infos+addr.Addr(r.index(r.head)*uint64(r.info.size)))
	if err != nil {
		return err
	}
	newest, _ := o.uint("seq")
	// The newest may be reserved and still show the record of a round before.
	back := newest + 2 - min(from, newest+1)
	if n := (r.head - r.tail) & descIDMask; back < n {
		r.tail = (r.head - back) & descIDMask
	}
	return nil
}

func (r *ring) index(id uint64) uint64 { return id & (1<<r.bits - 1) }

// readWrapped reads n elements of a ring of 2^bits, from the place of an id on.
func readWrapped(m target.Memory, base addr.Addr, bits uint, first, n uint64, size int64) ([]byte, error) {
	b := make([]byte, n*uint64(size))
	i := first & (1<<bits - 1)
	cut := min(n, 1<<bits-i) * uint64(size)
	if err := m.ReadMemory(b[:cut], base+addr.Addr(i*uint64(size))); err != nil {
		return nil, err
	}
	if err := m.ReadMemory(b[cut:], base); err != nil {
		return nil, err
	}
	return b, nil
}

// records decodes what is finished; text is read in one piece around all of it.
// The log ends before a record that a CPU was just writing, as it does for the
// kernel's own readers (prb_read_valid); one with others behind it is missing.
func (r *ring) records(descs, infos []byte, n int, from uint64) ([]Record, error) {
	texts, err := r.texts(descs, n)
	if err != nil {
		return nil, fmt.Errorf("read texts: %w", err)
	}
	var out []Record
	reserved, unfinished, room := 0, 0, len(texts.b)
	for i := range n {
		d, ok := r.desc.within(descs, i*int(r.desc.size))
		in, ok2 := r.info.within(infos, i*int(r.info.size))
		if !ok || !ok2 {
			break
		}
		id := (r.tail + uint64(i)) & descIDMask
		state, _ := d.uint("state_var")
		if state&descIDMask != id {
			continue // being recycled
		}
		switch state >> descStateShift {
		case descReserved:
			reserved++
		case descCommitted, descFinalized:
			unfinished += reserved
			reserved = 0
			if rec := record(in); rec.Seq >= from {
				length, _ := in.uint("text_len")
				rec.Text = texts.text(d, id, int(length))
				if room -= len(rec.Text); room < 0 {
					return out, &CorruptError{"log buffer", r.data, "texts lie upon each other"}
				}
				out = append(out, rec)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Record) int {
		if a.Seq < b.Seq {
			return -1
		}
		if a.Seq > b.Seq {
			return 1
		}
		return 0
	})
	if unfinished > 0 {
		return out, fmt.Errorf("%w: %d", ErrUnfinished, unfinished)
	}
	return out, nil
}

// record decodes a printk_info, or a printk_log of before 5.10.
func record(o object) Record {
	num := func(path string) uint64 { v, _ := o.uint(path); return v }
	return Record{
		Seq: num("seq"), Time: time.Duration(num("ts_nsec")), Caller: uint32(num("caller_id")),
		Level: int(num("level")), Facility: int(num("facility")),
		Continued: num("flags")&logCont != 0,
	}
}

// textRing is the ring of texts, as much of it as was needed.
type textRing struct {
	b    []byte
	bits uint
}

// texts reads the part of the ring in which the descriptors' texts lie.
func (r *ring) texts(descs []byte, n int) (textRing, error) {
	t := textRing{bits: r.dataBits}
	size := uint64(1) << r.dataBits
	lo, hi := ^uint64(0), uint64(0)
	for i := range n {
		d, ok := r.desc.within(descs, i*int(r.desc.size))
		if !ok {
			break
		}
		if begin, next, ok := textBlock(d); ok {
			lo, hi = min(lo, begin), max(hi, next)
		}
	}
	if hi <= lo {
		return t, nil // no text at all
	}
	t.b = make([]byte, size)
	if first := lo & (size - 1); hi-lo < size && hi&(size-1) > first {
		return t, r.mem.ReadMemory(t.b[first:hi&(size-1)], r.data+addr.Addr(first))
	} else if hi-lo < size {
		if err := r.mem.ReadMemory(t.b[first:], r.data+addr.Addr(first)); err != nil {
			return t, err
		}
		return t, r.mem.ReadMemory(t.b[:hi&(size-1)], r.data)
	}
	return t, r.mem.ReadMemory(t.b, r.data)
}

// textBlock gives the logical positions of a descriptor's text. False: it is
// not finished, or has none.
func textBlock(d object) (begin, next uint64, ok bool) {
	state, _ := d.uint("state_var")
	if s := state >> descStateShift; s != descCommitted && s != descFinalized {
		return 0, 0, false
	}
	begin, _ = d.uint("text_blk_lpos.begin")
	next, _ = d.uint("text_blk_lpos.next")
	return begin, next, begin&noData == 0 && next&noData == 0
}

// text gives the text of a descriptor, nil if it has none or lost it.
func (t textRing) text(d object, id uint64, length int) []byte {
	begin, next, ok := textBlock(d)
	if !ok {
		return nil
	}
	at := begin & (1<<t.bits - 1)
	if begin>>t.bits != (next-1)>>t.bits {
		at = 0 // the block did not fit before the end of the ring
	}
	if at+blockIDs > uint64(len(t.b)) || binary.LittleEndian.Uint64(t.b[at:]) != id {
		return nil
	}
	at += blockIDs
	end := min(at+uint64(length), uint64(len(t.b)))
	return t.b[at:end:end]
}
