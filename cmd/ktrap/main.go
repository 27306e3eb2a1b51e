// Command ktrap stands between people and a Linux kernel under QEMU: attach,
// trap, decode, reproduce, script. `ktrap --help` lists the commands.
package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"

	"ktrap/session/lab"
)

// cli is what every command understands. Meanings are a contract; flags may grow.
type cli struct {
	Versions  versionFlag `name:"version" help:"Print the version."`
	LogLevels logLevels   `name:"log" placeholder:"LAYER=LEVEL,..." help:"Log to stderr: rsp, loop, symbols, target, vm, ... =debug|info|warn|error; one level alone is for all."`
}

// Exit statuses, a contract of every command.
const (
	exitDone    = 0   // done, nothing crashed
	exitFailed  = 1   // ktrap failed
	exitUsage   = 2   // the command line is wrong
	exitCrash   = 3   // a crash was caught
	exitInfra   = 4   // VM would not boot, SSH lost without a crash
	exitUnclear = 125 // cannot judge, for git bisect run
)

// exitError carries an exit status with its message; a nil Err says nothing.
type exitError struct {
	Status int
	Err    error
}

func (e *exitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit status %d", e.Status)
	}
	return e.Err.Error()
}

func (e *exitError) Unwrap() error { return e.Err }

// usage is the error of a command line that cannot be meant.
func usage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// statusOf gives the exit status of a command that ended with err.
func statusOf(err error) int {
	if err == nil {
		return exitDone
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.Status
	}
	if _, ok := errors.AsType[*lab.SeriesError](err); ok {
		return exitUsage
	}
	return exitFailed
}

func main() { os.Exit(run(os.Args[1:])) }

// run is main without the exit, for the script tests.
func run(args []string) int {
	if command := plain(args); command != nil {
		return conclude(command(slog.New(slog.DiscardHandler)))
	}
	var life lifetime
	defer life.end()
	var c cli
	options := append(grammar(args),
		kong.Name("ktrap"),
		kong.Description("A kernel debugger's proxy: stops at the fault, decodes it, serves stock gdb, reproduces over SSH.\n\nExamples:\n  ktrap lab demo                          see everything once\n  ktrap attach vmlinux                    instead of gdb, QEMU started with -s\n  ktrap repro --kernel bzImage --image disk.img repro.c"),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.BindSingletonProvider(life.begin),
		kong.Exit(func(code int) { panic(kongExit(code)) }),
	)
	parser, err := kong.New(&c, options...)
	if err != nil {
		fmt.Fprintln(os.Stderr, "ktrap: bug in the command line:", err)
		return exitFailed
	}
	return parseAndRun(parser, &c, args)
}

// kongExit carries kong's wish to exit (after --help) up to run.
type kongExit int

func parseAndRun(parser *kong.Kong, c *cli, args []string) (status int) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case kongExit:
			status = int(r)
		default:
			panic(r) // a bug, with its stack
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	args, rest := splitArgs(args)
	command, err := parser.Parse(flagsFirst(parser.Model, args))
	if err != nil {
		say(os.Stderr, err.Error()+helpHint(err))
		return exitUsage
	}
	log, err := c.LogLevels.logger(os.Stderr)
	if err != nil {
		say(os.Stderr, err.Error())
		return exitUsage
	}
	command.Bind(log, rest)
	return conclude(command.Run())
}

// conclude says what is wrong when a command has ended, and gives the exit status.
func conclude(err error) int {
	if heard := audible(err); heard != nil {
		say(os.Stderr, heard.Error())
	}
	return statusOf(err)
}

// helpHint says where the usage of the command is described that was not
// understood.
func helpHint(err error) string {
	e, ok := errors.AsType[*kong.ParseError](err)
	if !ok || errors.Is(err, syscall.EPIPE) { // a reader of the help that left
		return ""
	}
	if node := e.Context.Selected(); node != nil {
		return fmt.Sprintf(" (`ktrap %s --help` shows how)", node.Path())
	}
	return " (`ktrap --help` lists the commands)"
}

// audible leaves out statuses without a message, and keeps what was joined to
// them: that the guest could not be left as promised, say.
func audible(err error) error {
	if e, ok := err.(*exitError); ok && e.Err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err
	}
	all := joined.Unwrap()
	rest := slices.DeleteFunc(slices.Clone(all), func(e error) bool { return audible(e) == nil })
	if len(rest) == len(all) {
		return err // with the words around them
	}
	return errors.Join(rest...)
}

// passed are the arguments after --, handed on to QEMU.
type passed []string

// splitArgs takes what follows -- off: kong would give it to a positional.
func splitArgs(args []string) ([]string, passed) {
	for i, a := range args {
		if a == "--" {
			return args[:i], passed(args[i+1:])
		}
	}
	return args, nil
}
