package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"ktrap/session/report"
	"ktrap/session/repro"
)

// outcome is the one object that repro --format json prints, whatever happened.
type outcome struct {
	Verdict   string          `json:"verdict"`    // a repro.Verdict, or "failed": it did not come to an attempt
	Took      float64         `json:"took"`       // seconds from the reproducer's start to its end or the crash
	Error     string          `json:"error"`      // why, or how the reproducer ended; "" if there is nothing to say
	Earlier   bool            `json:"earlier"`    // the guest stood at this crash already, nothing was run
	ReportDir string          `json:"report_dir"` // "" if none was written
	Report    json.RawMessage `json:"report"`     // as report.json, null without a crash
}

// failed is the verdict of an attempt that ktrap could not make.
const failed repro.Verdict = "failed"

// newOutcome says what came of an attempt. err is the error that the command
// ends with.
func newOutcome(res *repro.Result, err error) *outcome {
	verdict := res.Verdict
	if verdict == "" {
		switch statusOf(err) {
		case exitInfra:
			verdict = repro.Infra
		case exitUnclear:
			verdict = repro.CannotRun
		default:
			verdict = failed
		}
	}
	out := &outcome{Verdict: string(verdict), Took: res.Took.Seconds(), Earlier: res.Earlier}
	if res.Err != nil {
		out.Error = res.Err.Error()
	}
	if res.Crash == nil {
		return out
	}
	out.ReportDir = res.Crash.Path
	var text bytes.Buffer
	if err := report.JSON(&text, res.Crash.Report); err != nil {
		out.Error = err.Error()
		return out
	}
	out.Report = text.Bytes()
	return out
}

// write prints it.
func (o *outcome) write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(o); err != nil {
		return fmt.Errorf("write the outcome: %w", err)
	}
	return nil
}
