package target

import (
	"errors"
	"testing"

	"ktrap/symbols/addr"
)

func TestAWalkFollowsTablesOfEverySize(t *testing.T) {
	const pa4K, pa2M, pa1G = 0x5000, 0x600000, 0x40000000
	for _, levels := range []int{4, 5} {
		f := newFakeStub(levels)
		root := f.page(1)
		f.mapAt(root, 0xffffffff81000000, pa4K, 1)
		f.mapAt(root, 0xffffffff82000000, pa2M, 2)
		f.mapAt(root, 0xffff8880c0000000, pa1G, 3)
		entry := func(pa uint64) (uint64, error) { return entryIn(f.phys[pa&^(pageSize-1)], pa), nil }
		tests := []struct {
			a    addr.Addr
			want mapping
			err  error
		}{
			{0xffffffff81000010, mapping{pa4K + 0x10, 0xff0}, nil},
			{0xffffffff82012345, mapping{pa2M + 0x12345, 0x1edcbb}, nil},
			{0xffff8880c7654321, mapping{pa1G + 0x7654321, 0x389abcdf}, nil},
			{0xffffffff81001000, mapping{}, errUnmapped},
			{0xffff888000000000, mapping{}, errUnmapped},
			{0x0000000000000000, mapping{}, errUnmapped},
			{0x8000000000000000, mapping{}, errUnmapped},
		}
		for _, tt := range tests {
			got, err := walk(entry, root|0xfff, levels, tt.a)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("%d levels: %#x gives %+v, %v; want %+v, %v", levels, uint64(tt.a), got, err, tt.want, tt.err)
			}
		}
	}
}

func TestAWalkStopsAtAnEntryThatCannotBeRead(t *testing.T) {
	broken := errors.New("no RAM there")
	_, err := walk(func(uint64) (uint64, error) { return 0, broken }, 0, 4, 0xffffffff81000000)
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestATableThatPointsToItselfEndsTheWalk(t *testing.T) {
	got, err := walk(func(uint64) (uint64, error) { return 0x1000 | ptePresent, nil }, 0x1000, 4, 0xffffffff81000123)
	if err != nil || got.pa != 0x1123 {
		t.Errorf("got %+v, %v", got, err)
	}
}
