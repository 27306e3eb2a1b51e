package main

import (
	"errors"
	"strings"
	"testing"

	"ktrap/symbols"
)

func TestAVmlinuxThatIsNotHereIsFetchedByItsBuildID(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("DEBUGINFOD_CACHE_PATH", t.TempDir())
	const id = "0123456789abcdef"
	asked := ""
	path, err := findByID(id, func(id string) (string, error) { asked = id; return "fetched", nil })
	if path != "fetched" || err != nil || asked != id {
		t.Errorf("%q, %v, asked for %q", path, err, asked)
	}
	for name, tt := range map[string]struct {
		fetch func(string) (string, error)
		want  string
	}{
		"nobody to fetch it": {nil, "or set DEBUGINFOD_URLS"},
		"no server has it":   {func(string) (string, error) { return "", errors.New("none") }, "or install the -dbg package of that kernel"},
	} {
		path, err := findByID(id, tt.fetch)
		if path != "" || !errors.Is(err, symbols.ErrNotFound) || !strings.Contains(err.Error(), "build-id "+id) || !strings.HasSuffix(err.Error(), tt.want) {
			t.Errorf("%s: %q, %v", name, path, err)
		}
	}
}
