package main

import (
	"fmt"
	"runtime"
)

// version is set by the linker for releases.
var version = "0.1.0-dev"

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run() error {
	fmt.Printf("ktrap %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
