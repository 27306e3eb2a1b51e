package debuginfod

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ktrap/symbols/symtest"
)

const id = "0123abcd"

// server has one file, and counts what it is asked.
func server(t *testing.T, asked *[]string, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.URL.Path)
		if r.URL.Path != "/buildid/"+id+"/debuginfo" {
			http.NotFound(w, r)
			return
		}
		handler(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// file is what the server has; others have another build-id.
func file(buildID ...byte) []byte { return symtest.ELF{BuildID: buildID}.Bytes() }

var right = file(0x01, 0x23, 0xab, 0xcd)

func whole(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(right) }

func TestAFileIsFetchedOnceAndKeptWhereOtherClientsLook(t *testing.T) {
	var first, second []string
	empty := server(t, &first, func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) })
	full := server(t, &second, whole)
	var got, total int64
	c := &Client{URLs: []string{empty, full + "/"}, Cache: t.TempDir(), Progress: func(_ string, g, all int64) { got, total = g, all }}
	for range 2 {
		path, err := c.Fetch(t.Context(), id)
		if err != nil || path != filepath.Join(c.Cache, id, "debuginfo") {
			t.Fatalf("%q, %v", path, err)
		}
		if data, err := os.ReadFile(path); err != nil || !bytes.Equal(data, right) {
			t.Errorf("%d bytes, %v", len(data), err)
		}
	}
	if len(first) != 1 || len(second) != 1 || got != int64(len(right)) || total != got {
		t.Errorf("asked %v and %v, progress %d of %d", first, second, got, total)
	}
}

func TestWhatCannotBeFetchedLeavesNothingBehind(t *testing.T) {
	hang := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("part"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		want    error
	}{
		{"not there", http.NotFound, ErrNotFound},
		{"broken server", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, nil},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "9000"); whole(w, nil) }, nil},
		{"silent", hang, errSilent},
		{"too big", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 10_000)) }, errTooBig},
		{"a page of a hotel's network", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, errNotELF},
		{"empty", func(http.ResponseWriter, *http.Request) {}, errNotELF},
		{"another file", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(file(1)) }, errOtherID},
		{"a file without build-id", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(file()) }, errOtherID},
		{"redirects without end", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, nil},
	}
	for _, tt := range tests {
		var asked []string
		c := &Client{URLs: []string{server(t, &asked, tt.handler)}, Cache: t.TempDir(), MaxSize: 5000}
		if errors.Is(tt.want, errSilent) {
			c.Timeout = 50 * time.Millisecond
		}
		path, err := c.Fetch(t.Context(), id)
		if path != "" || err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %q, %v", tt.name, path, err)
		}
		if left, _ := filepath.Glob(filepath.Join(c.Cache, "*", "*")); len(left) > 0 {
			t.Errorf("%s: left %v", tt.name, left)
		}
	}
}

func TestACancelledFetchEndsAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var asked []string
	url := server(t, &asked, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	c := &Client{URLs: []string{url, url}, Cache: t.TempDir()}
	if path, err := c.Fetch(ctx, id); path != "" || !errors.Is(err, context.Canceled) || len(asked) != 1 {
		t.Errorf("%q, %v, asked %v", path, err, asked)
	}
}

func TestABuildIDIsNoPath(t *testing.T) {
	c := &Client{Cache: t.TempDir(), URLs: []string{"http://127.0.0.1:1"}}
	for _, bad := range []string{"", "ab", "../../etc/passwd", strings.Repeat("a", 200), "ABCDEF"} {
		if path, err := c.Fetch(t.Context(), bad); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %q, %v", bad, path, err)
		}
	}
}

func TestTheEnvironmentDescribesTheClient(t *testing.T) {
	t.Setenv("DEBUGINFOD_URLS", "")
	if c := FromEnv(); c != nil {
		t.Errorf("%+v", c)
	}
	t.Setenv("DEBUGINFOD_URLS", "http://a http://b")
	t.Setenv("DEBUGINFOD_CACHE_PATH", "/cache")
	t.Setenv("DEBUGINFOD_TIMEOUT", "5")
	c := FromEnv()
	if c == nil || len(c.URLs) != 2 || c.Cache != "/cache" || c.Timeout != 5*time.Second {
		t.Errorf("%+v", c)
	}
}
