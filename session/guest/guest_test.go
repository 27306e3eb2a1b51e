package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

func TestRunTellsHowACommandEnded(t *testing.T) {
	s := startServer(t, func(command string, ch ssh.Channel) int {
		switch command {
		case "fail":
			return 7
		case "vanish": // no exit status: the guest died
			return -1
		}
		fmt.Fprint(ch, "out")
		fmt.Fprint(ch.Stderr(), "err")
		return 0
	}, nil)
	g := dialed(t, s)
	if out, err := g.Output(t.Context(), "ok"); err != nil || len(out) != len("outerr") {
		t.Errorf("output is %q, %v", out, err)
	}
	if exit, ok := errors.AsType[*ExitError](g.Run(t.Context(), "fail", nil)); !ok || exit.Status != 7 {
		t.Errorf("fail gave %v", exit)
	}
	if err := g.Run(t.Context(), "vanish", nil); !errors.Is(err, ErrLost) {
		t.Errorf("vanish gave %v", err)
	}
}

func TestRunLeavesTheStreamsAloneOnceItsContextIsOver(t *testing.T) {
	running, release := make(chan struct{}), make(chan struct{})
	s := startServer(t, func(_ string, ch ssh.Channel) int {
		close(running)
		<-release
		fmt.Fprint(ch, "too late")
		return 0
	}, nil)
	g := dialed(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-running; cancel() }()
	var out bytes.Buffer
	if err := g.Run(ctx, "hang", &RunOptions{Stdout: &out}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(release)
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if out.Len() != 0 {
		t.Errorf("%q was written after Run had returned", &out)
	}
}

func TestOutputIsBounded(t *testing.T) {
	s := startServer(t, func(_ string, ch ssh.Channel) int {
		_, _ = io.Copy(ch, io.LimitReader(zeros{}, 3*maxOutput))
		return 0
	}, nil)
	if out, err := dialed(t, s).Output(t.Context(), "flood"); err != nil || len(out) != maxOutput {
		t.Errorf("kept %d bytes, %v", len(out), err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestCopyUsesSFTPWhereThereIsOne(t *testing.T) {
	files := sftp.InMemHandler()
	s := startServer(t, func(command string, _ ssh.Channel) int { t.Errorf("ran %q", command); return 1 }, &files)
	g := dialed(t, s)
	for _, text := range []string{"first", "second"} { // the second replaces the first
		if err := g.Copy(t.Context(), strings.NewReader(text), "/x", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c, err := sftp.NewClient(g.client)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f, err := c.Open("/x")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(f); string(got) != "second" || err != nil {
		t.Errorf("the guest has %q, %v", got, err)
	}
}

func TestCopyFallsBackToCat(t *testing.T) {
	var command string
	var data []byte
	s := startServer(t, func(c string, ch ssh.Channel) int {
		command = c
		data, _ = io.ReadAll(ch)
		return 0
	}, nil)
	if err := dialed(t, s).Copy(t.Context(), strings.NewReader("text"), "/tmp/it's", 0o700); err != nil {
		t.Fatal(err)
	}
	const want = `cat > '/tmp/it'\''s.part' && chmod 700 '/tmp/it'\''s.part' && mv -f '/tmp/it'\''s.part' '/tmp/it'\''s'`
	if command != want || string(data) != "text" {
		t.Errorf("ran %q with %q", command, data)
	}
}

func TestCopyReportsWhatTheGuestSaid(t *testing.T) {
	s := startServer(t, func(_ string, ch ssh.Channel) int { fmt.Fprint(ch.Stderr(), "read-only\n"); return 1 }, nil)
	err := dialed(t, s).Copy(t.Context(), strings.NewReader(""), "/x", 0o600)
	if _, ok := errors.AsType[*ExitError](err); !ok || !strings.Contains(err.Error(), `"read-only\n"`) {
		t.Errorf("got %v", err)
	}
}

func TestHostKeyIsCheckedAgainstTheFile(t *testing.T) {
	s := startServer(t, noExec, nil)
	other, _ := newKey(t)
	tests := []struct {
		name, alias string
		key         ssh.PublicKey
		ok          bool
	}{
		{"the right key under the address", "", s.hostKey, true},
		{"the right key under an alias", "vm", s.hostKey, true},
		{"another key under the address", "", other, false},
		{"another key under an alias", "vm", other, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := s.options()
			o.HostAlias, o.KnownHosts = test.alias, filepath.Join(t.TempDir(), "known_hosts")
			name := test.alias
			if name == "" {
				name = s.addr
			}
			line := knownhosts.Line([]string{name}, test.key)
			if err := os.WriteFile(o.KnownHosts, []byte(line+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			g, err := Wait(t.Context(), o)
			if err == nil {
				defer g.Close()
			}
			if _, mismatch := errors.AsType[*knownhosts.KeyError](err); test.ok != (err == nil) || test.ok == mismatch {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestUnknownHostsBeyondLoopbackAreRefused(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	if _, err := (&Options{Addr: "192.0.2.1:22"}).hostKeyCallback(); err == nil {
		t.Error("any host key was accepted")
	}
}

func TestWaitGivesUpOnARefusedLoginAndOnABadKeyFile(t *testing.T) {
	s, other := startServer(t, noExec, nil), startServer(t, noExec, nil)
	o := s.options()
	o.Key = other.key
	if _, err := Wait(t.Context(), o); !errors.Is(err, ErrRefused) {
		t.Errorf("a foreign key gave %v", err)
	}
	o.Key = filepath.Join(t.TempDir(), "none")
	if _, err := Wait(t.Context(), o); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing key gave %v", err)
	}
}

func TestWaitEndsWithItsContextAndSaysWhy(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := startServer(t, noExec, nil)
	if _, err := Wait(ctx, s.options()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestKeysAreNotLogged(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Dial(t.Context(), &Options{Addr: "127.0.0.1:1", Key: key})
	if err == nil || strings.Contains(err.Error(), "c2VjcmV0") {
		t.Errorf("got %v", err)
	}
}

func TestLostIsClosedWhenTheGuestGoes(t *testing.T) {
	s := startServer(t, noExec, nil)
	g := dialed(t, s)
	if err := g.Alive(t.Context()); err != nil {
		t.Errorf("alive: %v", err)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	<-g.Lost()
	if err := g.Alive(t.Context()); !errors.Is(err, ErrLost) {
		t.Errorf("after the end: %v", err)
	}
}
