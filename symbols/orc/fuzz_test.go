package orc

import "testing"

// The contract: what is told is a version there is, or none; a header wins over
// the release.
func FuzzVersionOf(f *testing.F) {
	f.Add([]byte(headers[0].hash+"xxxxxxxxxxxxxxxxxxxx"), "6.1.0-56-cloud-amd64")
	f.Add([]byte(nil), "5.14.0-427.13.1.el9_4.x86_64")
	f.Add([]byte("short"), "6..1")
	f.Fuzz(func(t *testing.T, header []byte, release string) {
		v := VersionOf(header, release)
		if v > V4 {
			t.Fatalf("version %d", v)
		}
		if len(header) >= headerSize && v != VersionOf(header, "") {
			t.Fatalf("the release %q decides although there is a header", release)
		}
	})
}
