package main

import (
	"errors"
	"io/fs"
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
	if errors.Is(err, fs.ErrNotExist) {
		return usage("%s holds no report.json: name one of the folders that ktrap wrote, which are in ./reports unless --report-dir said otherwise", c.Dir)
	}
	if err != nil {
		return err
	}
	if c.Format == "json" {
		return report.JSON(os.Stdout, r)
	}
	return report.Text(os.Stdout, r, &report.TextOptions{Color: !color.NoColor, Source: true, Log: true, Others: true})
}
