// Package casefile reads the conformance file that all clients share, for tests.
package casefile

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// Document returns the sections of the file. LOCKWATCH_CONFORMANCE names another file.
var Document = sync.OnceValues(func() (map[string]json.RawMessage, error) {
	path := os.Getenv("LOCKWATCH_CONFORMANCE")
	if path == "" {
		_, here, _, _ := runtime.Caller(0)
		path = filepath.Join(filepath.Dir(here), "..", "..", "..", "conformance.json")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var sections map[string]json.RawMessage
	return sections, json.Unmarshal(text, &sections)
})

// Section reads a section into a slice. A section that is missing or empty fails the test.
func Section[T any](t *testing.T, name string, into *[]T) {
	t.Helper()
	document, err := Document()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(document[name], into); err != nil {
		t.Fatalf("section %q: %v", name, err)
	}
	if len(*into) == 0 {
		t.Fatalf("section %q is empty", name)
	}
}
