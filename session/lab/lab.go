// Package lab fetches and builds a ready kernel with its debug information,
// an initramfs and a module that breaks it, so that everything can be tried
// without any set-up.
package lab

import (
	"context"
	"errors"
	"log/slog"

	"ktrap/session/guest"
	"ktrap/session/vm"
)

// DefaultSeries is the kernel series used when none is named.
const DefaultSeries = "6.1"

// Options say where the lab lies.
type Options struct {
	Root string       // "" means $KTRAP_CACHE/lab, else the user's cache folder/ktrap/lab
	Log  *slog.Logger // nil discards
}

// Lab is a folder of prepared kernels.
type Lab struct {
	root string
}

// ErrNotPrepared says that the series is not in the cache (yet).
var ErrNotPrepared = errors.New("lab is not prepared")

// Open names the lab's folder; nothing is created or fetched yet.
func Open(o *Options) (*Lab, error) { return &Lab{}, nil }

// Root is the lab's folder.
func (l *Lab) Root() string { return l.root }

// Entry is one series: cached, or offered by the package archive, or both.
type Entry struct {
	Series  string `json:"series"`
	Release string `json:"release,omitempty"` // as uname -r, "" when not cached
	Offered string `json:"offered,omitempty"` // newest release that apt knows, "" when unknown
	Size    int64  `json:"size,omitempty"`    // bytes on disk
	Dir     string `json:"dir,omitempty"`
}

// List gives the cached series and those that apt offers.
func (l *Lab) List(ctx context.Context) ([]Entry, error) { return nil, nil }

// Event is a step of Prepare: a new Step with a text, or Done of Total bytes of it.
type Event struct {
	Step        string // what is being done, e.g. "download linux-image-6.1.0-56-cloud-amd64-dbg (283 MB)"
	Done, Total int64  // bytes; Total 0 means unknown
}

// Progress receives events; nil is allowed where one is taken.
type Progress func(Event)

// Prepare makes the series ready: downloads and builds what is missing, and
// does nothing, offline, when all is there.
func (l *Lab) Prepare(ctx context.Context, series string, p Progress) (*Kernel, error) {
	return nil, errors.ErrUnsupported
}

// Kernel gives a prepared series.
// Errors: ErrNotPrepared.
func (l *Lab) Kernel(series string) (*Kernel, error) { return nil, ErrNotPrepared }

// Remove deletes a series.
func (l *Lab) Remove(series string) error { return nil }

// Kernel is one prepared series.
type Kernel struct {
	Series  string
	Release string
	Dir     string
}

// Path says where a part lies: vmlinux bzImage initramfs key modules source.
func (k *Kernel) Path(name string) (string, error) { return "", nil }

// VMOptions gives the machine on which this kernel boots quickly; the caller
// may change it before vm.Start.
func (k *Kernel) VMOptions() *vm.Options { return &vm.Options{} }

// GuestOptions says how to reach the guest that runs on v.
func (k *Kernel) GuestOptions(v *vm.VM) *guest.Options { return &guest.Options{} }
