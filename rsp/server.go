package rsp

import (
	"io"
	"log/slog"
	"time"
)

// ServerOptions are the wishes of a server's owner. Nil means all defaults.
type ServerOptions struct {
	Log          *slog.Logger
	Record       *Recorder
	Limit        int           // largest packet taken; 0: DefaultLimit
	WriteTimeout time.Duration // a client that does not read for so long is dropped; 0: 10 s
}

// Server is the stub's side of a link to gdb.
type Server struct{}

// NewServer returns a server that talks over rw, which it closes at the end.
func NewServer(rw io.ReadWriteCloser, o *ServerOptions) *Server { return &Server{} }

// Next returns the next packet or interrupt. Acknowledgements, retransmission
// and QStartNoAckMode are dealt with inside. The body belongs to the caller.
func (s *Server) Next() (Message, error) { return Message{}, errTODO }

// Send sends a packet.
func (s *Server) Send(body []byte) error { return errTODO }

// SendNotification sends a notification.
func (s *Server) SendNotification(body []byte) error { return errTODO }

// Close ends the connection.
func (s *Server) Close() error { return errTODO }
