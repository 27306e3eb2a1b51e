package kernel

import (
	"errors"
	"fmt"

	"ktrap/session/target"
	"ktrap/symbols/addr"
)

// readLogBuf reads the log of kernels before 5.10: one ring of records, each a
// struct printk_log with its text behind it. A record of length 0 says that the
// next one is at the beginning.
// Source: linux v5.4 kernel/printk/printk.c.
func (k *Kernel) readLogBuf(m target.Memory, from uint64) ([]Record, error) {
	head, err := shapeOf(k.layouts, "printk_log", "ts_nsec", "len", "text_len", "facility", "flags", "level", "caller_id")
	if err == nil {
		err = head.need("len", "text_len")
	}
	if err != nil {
		return nil, err
	}
	var v [5]uint64
	for i, name := range []string{"log_buf", "log_buf_len", "log_first_idx", "log_first_seq", "log_next_seq"} {
		size := 8
		if i == 1 || i == 2 {
			size = 4
		}
		w, ok, err := k.word(m, name, size)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("find log buffer: no symbol prb and none %s", name)
		}
		v[i] = w
	}
	buf, size := addr.Addr(v[0]), v[1]
	if size == 0 || size > maxLog || v[2] >= size || v[4] < v[3] {
		return nil, &CorruptError{"log buffer", buf, fmt.Sprintf("%d bytes, first at %d, records %d to %d", size, v[2], v[3], v[4])}
	}
	b := make([]byte, size)
	if err := m.ReadMemory(b, buf); err != nil {
		return nil, err
	}
	records, err := decodeLogBuf(head, b, int(v[2]), v[3], v[4])
	for len(records) > 0 && records[0].Seq < from {
		records = records[1:]
	}
	if e, ok := errors.AsType[*CorruptError](err); ok {
		e.Addr += buf
	}
	return records, err
}

// decodeLogBuf decodes the records from seq up to but not including end; at is
// the index of the first. Errors carry an index as their address.
func decodeLogBuf(head *shape, b []byte, at int, seq, end uint64) ([]Record, error) {
	var out []Record
	wrapped := false
	for ; seq < end; seq++ {
		o, ok := head.within(b, at)
		length, _ := o.uint("len")
		if !ok || length == 0 {
			if wrapped {
				return out, &CorruptError{"log buffer", addr.Addr(at), "it goes round twice"}
			}
			wrapped, at = true, 0
			if o, ok = head.within(b, 0); !ok {
				return out, &CorruptError{"log buffer", 0, "too small for a record"}
			}
			length, _ = o.uint("len")
		}
		text, _ := o.uint("text_len")
		start := at + int(head.size)
		if length < uint64(head.size)+text || start+int(text) > len(b) {
			return out, &CorruptError{"log buffer", addr.Addr(at), fmt.Sprintf("record of %d bytes with %d bytes of text", length, text)}
		}
		r := record(o)
		r.Seq, r.Text = seq, b[start:start+int(text):start+int(text)]
		out = append(out, r)
		at += int(length)
	}
	return out, nil
}
