package lab

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"
)

// hostAlias is the name under which the guests' host key stands in known_hosts:
// their port is another one each time.
const hostAlias = "ktrap-lab"

// The files in keys/. One pair logs in, one is the guests' own.
const (
	loginKey   = "id_ed25519"
	loginPub   = "id_ed25519.pub"
	hostKey    = "host_ed25519" // in dropbear's format
	knownHosts = "known_hosts"
)

func (l *Lab) keysDir() string { return filepath.Join(l.root, "keys") }

// makeKeys generates the keys of this lab, once. They never leave the host but
// for the public one and the guests' own, which go into the initramfs.
func (l *Lab) makeKeys() error {
	if _, err := os.Stat(filepath.Join(l.keysDir(), knownHosts)); err == nil {
		return nil
	}
	tmp, err := os.MkdirTemp(l.root, ".tmp-keys-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := writeLoginKey(tmp); err != nil {
		return err
	}
	if err := writeHostKey(tmp); err != nil {
		return err
	}
	if err := os.RemoveAll(l.keysDir()); err != nil {
		return err
	}
	return os.Rename(tmp, l.keysDir())
}

func writeLoginKey(dir string) error {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	block, err := ssh.MarshalPrivateKey(priv, "ktrap lab")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, loginKey), pem.EncodeToMemory(block), 0o600); err != nil {
		return err
	}
	sshPub, err := ssh.NewPublicKey(pub)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, loginPub), ssh.MarshalAuthorizedKey(sshPub), 0o644)
}

func writeHostKey(dir string) error {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, hostKey), dropbearKey(priv), 0o600); err != nil {
		return err
	}
	sshPub, err := ssh.NewPublicKey(pub)
	if err != nil {
		return err
	}
	line := fmt.Sprintf("%s %s", hostAlias, ssh.MarshalAuthorizedKey(sshPub))
	return os.WriteFile(filepath.Join(dir, knownHosts), []byte(line), 0o644)
}

// dropbearKey encodes a host key as dropbear stores it.
// Source: dropbear src/ed25519.c buf_put_ed25519_priv_key: string "ssh-ed25519",
// then one string of 32 bytes of seed and 32 of public key.
func dropbearKey(k ed25519.PrivateKey) []byte {
	const name = "ssh-ed25519"
	var b bytes.Buffer
	b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(name))))
	b.WriteString(name)
	b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(k))))
	b.Write(k)
	return b.Bytes()
}
