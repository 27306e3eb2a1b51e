package report

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestDocumentationShowsEveryField reads the examples of docs/report.md: they
// hold every field there is, and no other.
func TestDocumentationShowsEveryField(t *testing.T) {
	doc, err := os.ReadFile("../../docs/report.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := strings.Split(string(doc), "```json\n")
	if len(examples) != 3 {
		t.Fatalf("docs/report.md has %d examples, want report.json and session.json", len(examples)-1)
	}
	for i, to := range []any{new(Report), new(Session)} {
		example, _, _ := strings.Cut(examples[i+1], "```")
		d := json.NewDecoder(strings.NewReader(example))
		d.DisallowUnknownFields()
		if err := d.Decode(to); err != nil {
			t.Fatalf("example %d: %v", i+1, err)
		}
		for name := range jsonNames(reflect.TypeOf(to).Elem(), map[reflect.Type]bool{}) {
			if !bytes.Contains([]byte(example), []byte(`"`+name+`"`)) {
				t.Errorf("example %d of docs/report.md lacks %q", i+1, name)
			}
		}
	}
}

// jsonNames gives the names of all fields of a type and of what it holds.
func jsonNames(typ reflect.Type, seen map[reflect.Type]bool) map[string]bool {
	out := map[string]bool{}
	for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || seen[typ] || typ.PkgPath() == "time" || typ == reflect.TypeFor[Register]() {
		return out
	}
	seen[typ] = true
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		out[name] = true
		for inner := range jsonNames(f.Type, seen) {
			out[inner] = true
		}
	}
	return out
}
