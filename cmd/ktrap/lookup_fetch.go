package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"ktrap/session"
	"ktrap/symbols"
	"ktrap/symbols/debuginfod"
)

// barInterval is how often the bar is drawn.
const barInterval = 200 * time.Millisecond

// fetchDebugInfo gets debug information from the servers of DEBUGINFOD_URLS and
// shows how much of it has arrived; nil when there are none.
func fetchDebugInfo() func(buildID string) (string, error) {
	client := debuginfod.FromEnv()
	if client == nil {
		return nil
	}
	var bar *progressbar.ProgressBar
	client.Progress = func(buildID string, got, total int64) {
		if bar == nil {
			progress("fetching the debug information of build-id %s (Ctrl-C goes on without)", buildID)
			bar = newBar(total)
		}
		_ = bar.Set64(got) // a bar that cannot be drawn hinders nothing
	}
	return func(buildID string) (string, error) {
		// A signal gives up the download, not ktrap.
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		defer stop()
		bar = nil
		path, err := client.Fetch(ctx, buildID)
		if err != nil {
			say(os.Stderr, err.Error()) // what is on this host answers what it can
		}
		return path, err
	}
}

// fetchForSession gets debug information from the servers of DEBUGINFOD_URLS for a
// session, which tells how far it is; nil when there are none.
func fetchForSession() session.Fetch {
	if debuginfod.FromEnv() == nil {
		return nil
	}
	return func(ctx context.Context, buildID string, progress func(got, total int64)) error {
		client := debuginfod.FromEnv()
		client.Progress = func(_ string, got, total int64) { progress(got, total) }
		_, err := client.Fetch(ctx, buildID)
		return err
	}
}

// newBar makes a bar for bytes, 0 if it is not known how many. It is drawn where
// somebody watches.
func newBar(total int64) *progressbar.ProgressBar {
	var to io.Writer = io.Discard
	if term.IsTerminal(int(os.Stderr.Fd())) {
		to = os.Stderr
	}
	if total == 0 {
		total = -1
	}
	return progressbar.NewOptions64(total, progressbar.OptionSetWriter(to), progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(barInterval), progressbar.OptionClearOnFinish())
}

// sayWhatIsMissing tells of an image that cannot answer everything.
func sayWhatIsMissing(im *symbols.Image) {
	what := ""
	switch {
	case im.HasDWARF():
		return
	case im.HasSymbols():
		what = "no debug information, only symbols"
	default:
		what = "neither debug information nor symbols"
	}
	say(os.Stderr, im.Path()+" has "+what+": use the image of the build tree, install the -dbg package, or set DEBUGINFOD_URLS")
}
