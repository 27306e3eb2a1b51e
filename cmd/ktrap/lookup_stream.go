package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// streamChunk is the number of bytes of locations that are looked at together,
// and more than a line may have.
const streamChunk = 1 << 20

// stream answers line by line. What has arrived is made ready together; its
// answers are written before more is waited for, as another program may be
// waiting for them.
func stream(from io.Reader, out *bufio.Writer, prepare func([]string), answer func(string)) error {
	in := bufio.NewReaderSize(from, streamChunk)
	for here := 0; ; here-- {
		if here <= 0 {
			if err := out.Flush(); err != nil {
				return err
			}
			lines := arrived(in)
			prepare(lines)
			here = len(lines)
		}
		line, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return fmt.Errorf("read locations: a line of %d bytes or more: want one location per line", streamChunk)
		}
		if loc := strings.TrimSpace(string(line)); loc != "" {
			answer(loc)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read locations: %w", err)
		}
	}
}

// arrived waits for input and gives the whole lines there are, without taking
// them.
func arrived(in *bufio.Reader) []string {
	_, _ = in.Peek(1)                  // an error comes again when a line is read
	bytes, _ := in.Peek(in.Buffered()) // what is buffered cannot fail
	lines := strings.SplitAfter(string(bytes), "\n")
	return lines[:len(lines)-1]
}
