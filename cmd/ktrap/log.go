package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
)

// layers are the values of the attribute c by which parts of ktrap log.
var layers = []string{"rsp", "loop", "target", "symbols", "unwind", "kernel", "vm", "guest", "lab", "repro", "script"}

// logLevels is the value of --log.
type logLevels string

// logger makes the logger that --log asks for, or one that discards.
func (l logLevels) logger(w io.Writer) (*slog.Logger, error) {
	if l == "" {
		return slog.New(slog.DiscardHandler), nil
	}
	h := &layered{levels: make(map[string]slog.Level), rest: slog.LevelError + 1}
	for word := range strings.SplitSeq(string(l), ",") {
		layer, level, ok := strings.Cut(word, "=")
		if !ok {
			layer, level = "", layer
		}
		var v slog.Level
		if err := v.UnmarshalText([]byte(level)); err != nil {
			return nil, fmt.Errorf("parse --log %q: %q is no level (debug, info, warn, error)", l, level)
		}
		switch {
		case layer == "":
			h.rest = v
		case slices.Contains(layers, layer):
			h.levels[layer] = v
		default:
			return nil, fmt.Errorf("parse --log %q: unknown layer %q (one of %s)", l, layer, strings.Join(layers, " "))
		}
	}
	h.next = slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})
	return slog.New(h), nil
}

// layered filters records by the level of their layer.
type layered struct {
	levels map[string]slog.Level
	rest   slog.Level
	layer  string
	next   slog.Handler
}

func (h *layered) limit(layer string) slog.Level {
	if v, ok := h.levels[layer]; ok {
		return v
	}
	return h.rest
}

// Enabled reports whether some layer may want the record: its own layer may
// only be known from the record.
func (h *layered) Enabled(_ context.Context, level slog.Level) bool {
	if h.layer != "" {
		return level >= h.limit(h.layer)
	}
	lowest := h.rest
	for _, v := range h.levels {
		lowest = min(lowest, v)
	}
	return level >= lowest
}

// Handle writes a record of a layer that is wanted.
func (h *layered) Handle(ctx context.Context, r slog.Record) error {
	layer := h.layer
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "c" {
			layer = a.Value.String()
		}
		return true
	})
	if r.Level < h.limit(layer) {
		return nil
	}
	return h.next.Handle(ctx, r)
}

// WithAttrs remembers the layer.
func (h *layered) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := *h
	for _, a := range attrs {
		if a.Key == "c" {
			out.layer = a.Value.String()
		}
	}
	out.next = h.next.WithAttrs(attrs)
	return &out
}

// WithGroup opens a group.
func (h *layered) WithGroup(name string) slog.Handler {
	out := *h
	out.next = h.next.WithGroup(name)
	return &out
}
