package guest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// server is a small SSH server that plays the guest.
type server struct {
	addr    string
	key     string // file that logs in
	hostKey ssh.PublicKey
	exec    func(command string, ch ssh.Channel) (status int)
	files   *sftp.Handlers // nil: no SFTP
	wg      sync.WaitGroup
}

func startServer(t *testing.T, exec func(string, ssh.Channel) int, files *sftp.Handlers) *server {
	t.Helper()
	pub, priv := newKey(t)
	s := &server{exec: exec, files: files, key: filepath.Join(t.TempDir(), "key")}
	block, err := ssh.MarshalPrivateKey(priv, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.key, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		if string(k.Marshal()) != string(pub.Marshal()) {
			return nil, fmt.Errorf("unknown key")
		}
		return nil, nil
	}}
	var hostPriv ed25519.PrivateKey
	s.hostKey, hostPriv = newKey(t)
	signer, err := ssh.NewSignerFromKey(hostPriv)
	if err != nil {
		t.Fatal(err)
	}
	config.AddHostKey(signer)
	s.serve(t, config)
	return s
}

func newKey(t *testing.T) (ssh.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return k, priv
}

func (s *server) serve(t *testing.T, config *ssh.ServerConfig) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	t.Cleanup(func() { l.Close(); s.wg.Wait() })
	s.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.handle(conn, config) })
		}
	})
}

func (s *server) handle(conn net.Conn, config *ssh.ServerConfig) {
	defer conn.Close()
	c, chans, reqs, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	defer c.Close()
	s.wg.Go(func() { ssh.DiscardRequests(reqs) })
	for n := range chans {
		ch, reqs, err := n.Accept()
		if err != nil {
			return
		}
		s.wg.Go(func() { s.session(ch, reqs) })
	}
}

func (s *server) session(ch ssh.Channel, reqs <-chan *ssh.Request) {
	defer ch.Close()
	for r := range reqs {
		ok := r.Type == "exec" || r.Type == "subsystem" && s.files != nil
		_ = r.Reply(ok, nil)
		switch {
		case !ok:
		case r.Type == "subsystem":
			_ = sftp.NewRequestServer(ch, *s.files).Serve()
			return
		default:
			command := string(r.Payload[4:])
			status := s.exec(command, ch)
			if status >= 0 {
				_, _ = ch.SendRequest("exit-status", false, binary.BigEndian.AppendUint32(nil, uint32(status)))
			}
			return
		}
	}
}

func (s *server) options() *Options { return &Options{Addr: s.addr, Key: s.key} }

func dialed(t *testing.T, s *server) *Guest {
	t.Helper()
	g, err := Dial(t.Context(), s.options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	return g
}

func noExec(_ string, ch ssh.Channel) int { _, _ = io.Copy(io.Discard, ch); return 0 }
