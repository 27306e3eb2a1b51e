package report

// Write makes the directory of a report below dirRoot and gives its path.
// Shape: <title-slug>-<UTC time>-<n>/ with report.txt, report.json, console.log,
// dmesg.txt and session.json; it appears whole, by one rename.
// Errors: none for a file that could not be written or only in part: what is
// missing is added to r.Incomplete and the rest stands. An error means that there
// is no report.json; the path is then that of whatever was saved, or empty.
func Write(dirRoot string, r *Report) (string, error) { return "", nil }

// Read loads a report directory.
func Read(dir string) (*Report, error) { return nil, nil }
