package lines

import (
	"cmp"
	"slices"
	"sort"

	"ktrap/symbols/dwarfx"
)

// stretch is a range of addresses that belongs to something with a number: a
// unit, a function, a sequence of rows.
type stretch struct {
	dwarfx.Range
	id uint64
}

// flatten sorts a list by address and settles overlaps: where several cover an
// address the highest number has it. The result is disjoint. It takes the list
// apart.
func flatten(list []stretch) []stretch {
	slices.SortFunc(list, compareStretches)
	if disjoint(list) {
		return list
	}
	out := make([]stretch, 0, len(list)+len(list)/2)
	var open heap
	pos := uint64(0)
	for next := 0; next < len(list) || len(open) > 0; {
		for len(open) > 0 && open[0].High <= pos {
			open.pop()
		}
		if len(open) == 0 {
			if next == len(list) {
				break
			}
			pos = max(pos, list[next].Low)
		}
		for next < len(list) && list[next].Low <= pos {
			open.push(list[next])
			next++
		}
		if len(open) == 0 || open[0].High <= pos {
			continue
		}
		end := open[0].High
		if next < len(list) {
			end = min(end, list[next].Low)
		}
		out = appendStretch(out, stretch{dwarfx.Range{Low: pos, High: end}, open[0].id})
		pos = end
	}
	return out
}

func compareStretches(a, b stretch) int {
	if a.Low != b.Low {
		return cmp.Compare(a.Low, b.Low)
	}
	return cmp.Compare(a.id, b.id)
}

func disjoint(list []stretch) bool {
	for i := 1; i < len(list); i++ {
		if list[i].Low < list[i-1].High {
			return false
		}
	}
	return true
}

func appendStretch(out []stretch, s stretch) []stretch {
	if n := len(out); n > 0 && out[n-1].High == s.Low && out[n-1].id == s.id {
		out[n-1].High = s.High
		return out
	}
	return append(out, s)
}

// covering finds the stretch of a flat list that covers a pc.
func covering(list []stretch, pc uint64) (id uint64, ok bool) {
	i := sort.Search(len(list), func(i int) bool { return list[i].Low > pc }) - 1
	if i < 0 || !list[i].Contains(pc) {
		return 0, false
	}
	return list[i].id, true
}

// heap has the stretch with the highest number on top.
type heap []stretch

func (h *heap) push(s stretch) {
	*h = append(*h, s)
	l := *h
	for i := len(l) - 1; i > 0 && l[i].id > l[(i-1)/2].id; i = (i - 1) / 2 {
		l[i], l[(i-1)/2] = l[(i-1)/2], l[i]
	}
}

func (h *heap) pop() {
	l := *h
	n := len(l) - 1
	l[0] = l[n]
	l = l[:n]
	*h = l
	for i := 0; ; {
		c := 2*i + 1
		if c >= n {
			return
		}
		if c+1 < n && l[c+1].id > l[c].id {
			c++
		}
		if l[i].id >= l[c].id {
			return
		}
		l[i], l[c] = l[c], l[i]
		i = c
	}
}
