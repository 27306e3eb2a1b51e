package main

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// address is where something listens: HOST:PORT, the path of a socket or of a
// serial line, or empty for nowhere.
type address string

// Validate refuses what is no address, before anything is done; kong calls it.
func (a address) Validate() error {
	if strings.HasPrefix(string(a), "unix:") || strings.ContainsRune(string(a), '/') {
		return nil // what is there is found out by opening it
	}
	return checkHostPort(strings.TrimPrefix(string(a), "tcp:"), "HOST:PORT, :PORT or the path of a socket")
}

// hostPort is HOST:PORT, or empty.
type hostPort string

// Validate refuses anything else; kong calls it.
func (a hostPort) Validate() error { return checkHostPort(string(a), "HOST:PORT") }

func checkHostPort(text, want string) error {
	if text == "" {
		return nil
	}
	if _, port, err := net.SplitHostPort(text); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%q is no address, want %s", text, want)
}
