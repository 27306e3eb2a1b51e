package rsp

import (
	"context"
	"io"
	"net"
)

// Dial connects to a stub at "host:port", ":port", "unix:/path", the path of a
// socket, or the path of a serial line.
func Dial(ctx context.Context, addr string) (io.ReadWriteCloser, error) { return nil, errTODO }

// Listen opens the port for gdb at "host:port", ":port" (loopback), "*:port"
// (every interface) or "unix:/path".
func Listen(addr string) (net.Listener, error) { return nil, errTODO }
