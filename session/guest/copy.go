package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// errNoSFTP says that the guest has SSH but no file transfer.
var errNoSFTP = errors.New("guest has no SFTP server")

// Copy writes r to a file of the guest, through SFTP if the guest has it, else
// through cat. The file appears whole or not at all.
func (g *Guest) Copy(ctx context.Context, r io.Reader, path string, mode fs.FileMode) error {
	err := error(errNoSFTP)
	if !g.noSFTP.Load() {
		err = g.copySFTP(ctx, r, path, mode)
	}
	if errors.Is(err, errNoSFTP) {
		g.noSFTP.Store(true)
		err = g.copyCat(ctx, r, path, mode)
	}
	if err != nil {
		return fmt.Errorf("copy to %s in the guest: %w", path, err)
	}
	return nil
}

// CopyFile copies a file of the host, with its permissions.
func (g *Guest) CopyFile(ctx context.Context, local, path string) error {
	f, err := os.Open(local)
	if err != nil {
		return fmt.Errorf("open file to copy: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("stat file to copy: %w", err)
	}
	return g.Copy(ctx, f, path, info.Mode().Perm())
}

// copyCat pipes r into a shell. r is read only once SFTP has been ruled out.
func (g *Guest) copyCat(ctx context.Context, r io.Reader, path string, mode fs.FileMode) error {
	q, part := Quote(path), Quote(path+".part")
	command := fmt.Sprintf("cat > %s && chmod %o %s && mv -f %s %s", part, mode.Perm(), part, part, q)
	said := &head{limit: 4 << 10}
	if err := g.run(ctx, command, &RunOptions{Stdin: r, Stderr: said}); err != nil {
		if said.Len() > 0 {
			return fmt.Errorf("%w: %q", err, said.Bytes())
		}
		return err
	}
	return nil
}

// copySFTP runs the transfer on an SSH session of its own.
// Errors: errNoSFTP, with r untouched.
func (g *Guest) copySFTP(ctx context.Context, r io.Reader, path string, mode fs.FileMode) error {
	return g.inSession(ctx, func(s *ssh.Session, gate *gate) error {
		in, err := s.StdinPipe()
		if err != nil {
			return err
		}
		out, err := s.StdoutPipe()
		if err != nil {
			return err
		}
		if err := s.RequestSubsystem("sftp"); err != nil {
			return fmt.Errorf("%w: %w", errNoSFTP, err)
		}
		c, err := sftp.NewClientPipe(out, in)
		if err != nil { // a server that promised too much: the program is not there
			return fmt.Errorf("%w: %w", errNoSFTP, err)
		}
		defer c.Close()
		return put(c, &gatedReader{gate, r}, path, mode)
	})
}

func put(c *sftp.Client, r io.Reader, path string, mode fs.FileMode) error {
	part := path + ".part"
	f, err := c.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.ReadFrom(r)
	if err := errors.Join(err, f.Chmod(mode.Perm()), f.Close()); err != nil {
		return errors.Join(err, c.Remove(part))
	}
	if err := c.PosixRename(part, path); err == nil {
		return nil
	}
	_ = c.Remove(path) // a server without the OpenSSH extension renames only onto nothing
	return c.Rename(part, path)
}
