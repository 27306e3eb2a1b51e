package guest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// hostKeyCallback trusts the known_hosts file, and without one nothing but a
// forwarded port of this very host: the keys of a throw-away VM change at each
// build.
func (o *Options) hostKeyCallback() (ssh.HostKeyCallback, error) {
	path := o.KnownHosts
	if path == "" {
		host, _, err := net.SplitHostPort(o.Addr)
		if err != nil {
			return nil, fmt.Errorf("parse address %q: %w", o.Addr, err)
		}
		if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
			return ssh.InsecureIgnoreHostKey(), nil
		}
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("find known_hosts: %w", err)
		}
		path = filepath.Join(home, ".ssh", "known_hosts")
	}
	known, err := knownhosts.New(path)
	if err != nil {
		return nil, fmt.Errorf("read known host keys: %w", err)
	}
	if o.HostAlias == "" {
		return known, nil
	}
	return func(_ string, remote net.Addr, key ssh.PublicKey) error {
		return known(net.JoinHostPort(o.HostAlias, "22"), remote, key)
	}, nil
}

// hostKeyAlgorithms are those of the keys that known_hosts has for the guest: a
// server with several keys must show the one that can be checked. For a guest
// without known keys they are all there are, ed25519 first as OpenSSH has it: a
// dropbear 2022.83 with no other key dies of a client that wants RSA.
func (o *Options) hostKeyAlgorithms(known ssh.HostKeyCallback) []string {
	all := preferred(ssh.SupportedAlgorithms().HostKeys, ssh.KeyAlgoED25519)
	err := known(o.Addr, &net.TCPAddr{IP: net.IPv4zero}, noKey{})
	unknown, ok := errors.AsType[*knownhosts.KeyError](err)
	if !ok || len(unknown.Want) == 0 {
		return all
	}
	var algorithms []string
	for _, k := range unknown.Want {
		if t := k.Key.Type(); t == ssh.KeyAlgoRSA {
			algorithms = append(algorithms, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		} else {
			algorithms = append(algorithms, t)
		}
	}
	return algorithms
}

// noKey is no server's key; asking for it tells which ones are known.
type noKey struct{}

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return nil }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }
