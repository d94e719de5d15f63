package lockwatchulule

import (
	"fmt"
	"testing"
	"time"
)

func TestTheRememberedDenialsAreBounded(t *testing.T) {
	d := newDenials(nil, nil)
	for i := range 2*maxRemembered + 1 {
		d.isNew(fmt.Sprint(i), time.Hour)
	}
	if len(d.known) > maxRemembered || d.isNew(fmt.Sprint(2*maxRemembered), time.Hour) {
		t.Fatalf("%d keys are remembered", len(d.known))
	}
}
