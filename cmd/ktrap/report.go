package main

import (
	"os"

	"github.com/fatih/color"

	"ktrap/session/report"
)

type reportCmd struct {
	Dir    string `arg:"" type:"existingdir" help:"A report directory."`
	Format string `enum:"text,json" default:"text" help:"text or json."`
}

// Run shows a saved report.
func (c *reportCmd) Run() error {
	r, err := report.Read(c.Dir)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		return report.JSON(os.Stdout, r)
	}
	return report.Text(os.Stdout, r, &report.TextOptions{Color: !color.NoColor, Source: true, Log: true, Others: true})
}
