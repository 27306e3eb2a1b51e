package main

import (
	"fmt"
	"runtime"

	"github.com/alecthomas/kong"
)

// version is set by the linker for releases.
var version = "0.1.0-dev"

// versionLine says which ktrap this is.
func versionLine() string {
	return fmt.Sprintf("ktrap %s (%s, %s/%s)", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run() error {
	fmt.Println(versionLine())
	return nil
}

// versionFlag is --version, which goes before everything else.
type versionFlag bool

// BeforeReset prints the version and ends ktrap.
func (versionFlag) BeforeReset(app *kong.Kong) error {
	fmt.Fprintln(app.Stdout, versionLine())
	app.Exit(exitDone)
	return nil
}
