package rsp_test

import (
	"encoding/hex"
	"net"
	"sync"
	"testing"

	"ktrap/rsp"
)

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// rawStub connects a client to a bare connection, whose far end the test plays.
func rawStub(t *testing.T, o *rsp.ClientOptions) (net.Conn, *rsp.Client) {
	t.Helper()
	near, far := net.Pipe()
	c := rsp.NewClient(near, o)
	var wg sync.WaitGroup
	wg.Go(func() { c.Run() })
	t.Cleanup(func() {
		c.Close()
		far.Close()
		wg.Wait()
	})
	return far, c
}
