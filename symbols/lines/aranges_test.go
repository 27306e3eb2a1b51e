package lines

import (
	"encoding/binary"
	"testing"
)

// The contract: ranges are not empty; scanning and looking up in the sorted list
// find the same unit.
func FuzzAranges(f *testing.F) {
	set := func(unit uint32, tuples ...uint64) []byte {
		b := binary.LittleEndian.AppendUint16(nil, 2)
		b = binary.LittleEndian.AppendUint32(b, unit)
		b = append(b, 8, 0, 0, 0, 0, 0) // address size, segment size, padding to a tuple's size
		for _, v := range append(tuples, 0, 0) {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		return append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...)
	}
	f.Add(set(0, 0x1000, 0x100, 0x3000, 0x10))
	f.Add(append(set(0, 0x1000, 0x100), set(0x80, 0x1080, 0x200)...)) // overlap
	f.Add(set(7, ^uint64(0), 2, 5, ^uint64(0)))                       // past the end of the addresses
	f.Add(set(0, 0x1000, 0x100)[:20])
	f.Fuzz(func(t *testing.T, section []byte) {
		var list []stretch
		eachArange(section, func(s stretch) {
			if s.Low >= s.High {
				t.Fatalf("empty range %+v", s)
			}
			list = append(list, s)
		})
		var places []uint64
		for _, s := range list[:min(len(list), 64)] {
			places = append(places, s.Low-1, s.Low, s.High-1, s.High)
		}
		flat := flatten(list)
		for i := 1; i < len(flat); i++ {
			if flat[i].Low < flat[i-1].High {
				t.Fatalf("%+v and %+v overlap", flat[i-1], flat[i])
			}
		}
		for _, pc := range places {
			unit, ok := scanAranges(section, pc)
			if u, found := covering(flat, pc); u != unit || found != ok {
				t.Fatalf("%#x: scanned %#x, %v; in the list %#x, %v", pc, unit, ok, u, found)
			}
		}
	})
}
