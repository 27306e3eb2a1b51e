package guest

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func TestWithoutKnownKeysED25519IsWantedFirst(t *testing.T) {
	got := (&Options{Addr: "127.0.0.1:22"}).hostKeyAlgorithms(ssh.InsecureIgnoreHostKey())
	if got[0] != ssh.KeyAlgoED25519 || !slices.Contains(got, ssh.KeyAlgoRSASHA256) {
		t.Errorf("algorithms %q", got)
	}
}

// program finds a program of the package dropbear-bin.
func program(t *testing.T, name string) string {
	t.Helper()
	for _, n := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(n); err == nil {
			return path
		}
	}
	t.Skipf("NOT RUN: %s is not installed (package dropbear-bin)", name)
	return ""
}

// socketPair gives a connection and its other end, for a child.
func socketPair(t *testing.T) (net.Conn, *os.File) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours := os.NewFile(uintptr(fds[0]), "client")
	defer ours.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, os.NewFile(uintptr(fds[1]), "server")
}

func TestADropbearWithAnED25519KeyOnlyIsTalkedTo(t *testing.T) {
	dropbear, dropbearkey := program(t, "dropbear"), program(t, "dropbearkey")
	key := filepath.Join(t.TempDir(), "host_key")
	if out, err := exec.Command(dropbearkey, "-t", "ed25519", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	conn, theirs := socketPair(t)
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, dropbear, "-i", "-s", "-r", key)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	defer func() { cancel(); _ = cmd.Wait() }() // its error is that it was killed
	a := &attempt{}
	config, err := (&Options{Addr: "127.0.0.1:22"}).config(a)
	if err != nil {
		t.Fatal(err)
	}
	_, err = handshake(conn, "127.0.0.1:22", config, time.Minute)
	if err == nil || !a.answered(err) { // keys were exchanged if it says no
		t.Errorf("got %v, want a refused login", err)
	}
}
