package origin_test

import (
	"strings"
	"testing"

	"lockwatch/internal/casefile"
	"lockwatch/internal/origin"
)

func TestOriginsOfTheConformanceFile(t *testing.T) {
	var cases []struct{ Text, Origin, Error string }
	casefile.Section(t, "origins", &cases)
	for _, each := range cases {
		t.Run(each.Text, func(t *testing.T) {
			got, err := origin.Parse(each.Text)
			switch {
			case each.Error == "" && (err != nil || got != each.Origin):
				t.Errorf("got %q, %v; expected %q", got, err, each.Origin)
			case each.Error != "" && (err == nil || !strings.Contains(err.Error(), each.Error)):
				t.Errorf("got %q, %v; expected an error with %q", got, err, each.Error)
			}
		})
	}
}
