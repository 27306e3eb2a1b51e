package debuginfod

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// answering is a server that answers every request with the same bytes.
type answering struct {
	response []byte
	endless  bool // the body goes on for ever
	asked    int
}

func (a *answering) RoundTrip(req *http.Request) (*http.Response, error) {
	a.asked++
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(a.response)), req)
	if err == nil && a.endless {
		resp.Body = io.NopCloser(io.MultiReader(resp.Body, forEver{}))
	}
	return resp, err
}

// forEver reads as zeros.
type forEver struct{}

func (forEver) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// FuzzResponse fetches from a server that sends anything: what is kept is the file
// that was asked for, within the size allowed, and else there is an error and
// nothing is left behind. Redirects come to an end.
func FuzzResponse(f *testing.F) {
	ok := func(length int, body []byte) []byte {
		return append(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", length), body...)
	}
	for _, seed := range [][]byte{
		ok(len(right), right), ok(len(right), right[:100]), ok(10, right), ok(0, nil), ok(-1, right), ok(6, []byte("<html>")),
		ok(len(file(1)), file(1)), append([]byte("HTTP/1.0 200 OK\r\n\r\n"), right...),
		[]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n\x7fELF\r\nffffffffffffffff\r\n"),
		[]byte("HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n"), []byte("HTTP/1.1 404 Not Found\r\n\r\n"), []byte("SSH-2.0\r\n"),
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, response []byte, endless bool) {
		server := &answering{response: response, endless: endless}
		c := &Client{
			URLs: []string{"http://server.invalid"}, Cache: t.TempDir(), Timeout: time.Minute, MaxSize: 1 << 16,
			http: http.Client{Transport: server},
		}
		path, err := c.Fetch(t.Context(), id)
		left, _ := filepath.Glob(filepath.Join(c.Cache, "*", "*"))
		if err != nil && (path != "" || len(left) > 0) || server.asked > 10 {
			t.Fatalf("%q, %v, left %v, asked %d times", path, err, left, server.asked)
		}
		if err != nil {
			return
		}
		data, err := os.ReadFile(path)
		if err != nil || len(left) != 1 || len(data) > 1<<16 || !bytes.HasPrefix(data, []byte("\x7fELF")) || !bytes.Contains(data, []byte("GNU\x00\x01\x23\xab\xcd")) {
			t.Fatalf("%d bytes, %v, left %v", len(data), err, left)
		}
	})
}
