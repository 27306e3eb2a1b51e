package elffile

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os/exec"
	"runtime"
	"slices"
	"testing"

	"github.com/ulikunitz/xz"
)

// someText compresses well, but not to nothing.
func someText(n int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	var out []byte
	for len(out) < n {
		out = append(out, []string{"struct ", "list_head ", "unsigned ", "long\n"}[rng.IntN(4)]...)
	}
	return out[:n]
}

func packXZ(tb testing.TB, plain []byte, c xz.WriterConfig) []byte {
	tb.Helper()
	var buf bytes.Buffer
	w, err := c.NewWriter(&buf)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

func TestXZFilesOfAllKindsAreRead(t *testing.T) {
	plain := someText(300_000)
	packed := map[string][]byte{
		"no check":    packXZ(t, plain, xz.WriterConfig{NoCheckSum: true}),
		"CRC-32":      packXZ(t, plain, xz.WriterConfig{CheckSum: xz.CRC32}),
		"CRC-64":      packXZ(t, plain, xz.WriterConfig{CheckSum: xz.CRC64}),
		"SHA-256":     packXZ(t, plain, xz.WriterConfig{CheckSum: xz.SHA256}),
		"many blocks": packXZ(t, plain, xz.WriterConfig{BlockSize: 10_000}),
		"two streams": slices.Concat(packXZ(t, plain[:1000], xz.WriterConfig{}), make([]byte, 8), packXZ(t, plain[1000:], xz.WriterConfig{})),
	}
	for name, args := range map[string][]string{
		"xz as for modules": {"--check=crc32", "--lzma2=dict=1MiB"}, "xz -9 with threads": {"-9", "-T2", "--block-size=100KiB"},
		"xz -9 with blocks": {"-9", "-T1", "--block-size=100KiB"},
	} {
		cmd := exec.CommandContext(t.Context(), "xz", append(args, "-c")...)
		cmd.Stdin = bytes.NewReader(plain)
		out, err := cmd.Output()
		if errors.Is(err, exec.ErrNotFound) {
			t.Logf("SKIPPED: %s", name)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		packed[name] = out
	}
	for name, data := range packed {
		got, err := decompressXZ(data, int64(len(plain)))
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if got, err := decompressXZ(data, int64(len(plain))-1); !errors.Is(err, errBomb) || got != nil {
			t.Errorf("%s, one byte too many: %d bytes, %v", name, len(got), err)
		}
		for n := 1; n < len(data); n += len(data) / 10 {
			if got, err := decompressXZ(data[:len(data)-n], 1<<30); name != "two streams" && (err == nil || got != nil) {
				t.Fatalf("%s without the last %d bytes: %d bytes, %v", name, n, len(got), err)
			}
		}
	}
}

func TestAChangedByteOfAnXZFileDoesNotChangeWhatComesOut(t *testing.T) {
	plain := someText(3000)
	sound := packXZ(t, plain, xz.WriterConfig{BlockSize: 1000})
	for n := range len(sound) - xzHeaderSize {
		bad := bytes.Clone(sound)
		bad[n] ^= 0x10
		if got, err := decompressXZ(bad, 1<<20); err == nil && !bytes.Equal(got, plain) {
			t.Errorf("byte %d of %d: no error, %d bytes", n, len(sound), len(got))
		}
	}
}

// withDictionary gives a copy of an xz file in which the headers of its blocks from
// one on say how large the dictionary is.
func withDictionary(t *testing.T, data []byte, from int, props byte) []byte {
	t.Helper()
	data = bytes.Clone(data)
	blocks := 0
	for at := xzHeaderSize; at+12 <= len(data); at += 4 {
		size := (int(data[at]) + 1) * 4
		if data[at] == 0 || at+size > len(data) || crc32.ChecksumIEEE(data[at:at+size-4]) != le.Uint32(data[at+size-4:]) {
			continue
		}
		if blocks++; blocks <= from {
			continue
		}
		filter := bytes.Index(data[at:at+size], []byte{xzLZMA2, 1})
		data[at+filter+2] = props
		le.PutUint32(data[at+size-4:], crc32.ChecksumIEEE(data[at:at+size-4]))
	}
	if blocks <= from {
		t.Fatalf("%d blocks", blocks)
	}
	return data
}

func TestNoBlockOfAnXZFileExhaustsMemory(t *testing.T) {
	const gigabytes, megabytes128 = 40, 30 // 4 GB
	plain := someText(400_000)
	sound := packXZ(t, plain, xz.WriterConfig{BlockSize: 1000})
	for what, data := range map[string][]byte{
		"the first block": withDictionary(t, sound, 0, gigabytes),
		"a later block":   withDictionary(t, sound, 200, gigabytes),
		"all blocks":      withDictionary(t, sound, 0, megabytes128),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, err := decompressXZ(data, room(len(data)))
		runtime.ReadMemStats(&after)
		if err == nil || got != nil {
			t.Errorf("%s: %d bytes", what, len(got))
		}
		if all := after.TotalAlloc - before.TotalAlloc; all > 3*maxWindow {
			t.Errorf("%s: %d MB were allocated", what, all>>20)
		}
	}
}

// FuzzXZ decompresses damaged files: no more comes out than is allowed, and what
// comes out is what package xz makes of it.
func FuzzXZ(f *testing.F) {
	f.Add(packXZ(f, someText(100), xz.WriterConfig{}))
	f.Add(packXZ(f, someText(3000), xz.WriterConfig{BlockSize: 1000, CheckSum: xz.SHA256}))
	f.Add(slices.Concat(packXZ(f, someText(10), xz.WriterConfig{NoCheckSum: true}), make([]byte, 4)))
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 1 << 20
		got, err := decompressXZ(data, limit)
		if err != nil && got != nil || len(got) > limit {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		if err != nil || len(data) == 0 {
			return
		}
		r, err := xz.NewReader(bytes.NewReader(data))
		if err != nil {
			return // it is stricter about indexes and padding
		}
		if want, err := io.ReadAll(r); err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, package xz has %d", len(got), len(want))
		}
	})
}
