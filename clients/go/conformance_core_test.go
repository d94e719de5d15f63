package lockwatch

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"lockwatch/internal/casefile"
)

func TestLimitStrings(t *testing.T) {
	var cases []struct {
		Text   string
		Limits [][2]int64
	}
	casefile.Section(t, "limit_strings", &cases)
	for _, each := range cases {
		limits := ok[Limits](t)(ParseLimits(each.Text))
		var found [][2]int64
		for _, limit := range limits.List() {
			found = append(found, [2]int64{limit.Limit, limit.Window.Milliseconds()})
		}
		if !reflect.DeepEqual(found, each.Limits) || limits.Policy() != "" {
			t.Errorf("%q is %v, not %v", each.Text, found, each.Limits)
		}
		if again := ok[Limits](t)(ParseLimits(limits.String())); !reflect.DeepEqual(again, limits) {
			t.Errorf("%q is written as %q, which is %v", each.Text, limits, again)
		}
	}
}

func TestPolicyLimitStrings(t *testing.T) {
	var cases []struct{ Text, Policy string }
	casefile.Section(t, "policy_limit_strings", &cases)
	for _, each := range cases {
		if limits := ok[Limits](t)(ParseLimits(each.Text)); limits.Policy() != each.Policy || limits.List() != nil {
			t.Errorf("%q is %v", each.Text, limits)
		}
	}
}

func TestBadLimitStrings(t *testing.T) {
	var cases []string
	casefile.Section(t, "bad_limit_strings", &cases)
	for _, each := range cases {
		_, err := ParseLimits(each)
		if err == nil {
			t.Errorf("%q is accepted", each)
			continue
		}
		wantError(t, err, ErrConfiguration, "CONFIGURATION")
	}
}

func TestGuardUsers(t *testing.T) {
	var cases []struct{ Text, Sent string }
	casefile.Section(t, "guard_users", &cases)
	for _, each := range cases {
		if sent := userArgument(each.Text, false); sent != each.Sent {
			t.Errorf("%q is sent as %q, not %q", each.Text, sent, each.Sent)
		}
	}
}

func TestPasswordDigests(t *testing.T) {
	var cases []struct{ Key, Password, Digest string }
	casefile.Section(t, "password_digests", &cases)
	for _, each := range cases {
		if digest := passwordDigest([]byte(each.Key), each.Password); digest != each.Digest {
			t.Errorf("the digest of %q is %s, not %s", each.Password, digest, each.Digest)
		}
	}
}

func TestLimitsFromNumbers(t *testing.T) {
	limits := ok[Limits](t)(NewLimits(Limit{5, 1500 * time.Microsecond}, Limit{100, time.Hour}))
	if want := []any{"5", "2ms", "100", "3600"}; !reflect.DeepEqual(limits.args, want) {
		t.Fatalf("the arguments are %v", limits.args)
	}
	for _, wrong := range []Limit{{-1, time.Second}, {1 << 53, time.Second}, {1, 0}, {1, 3651 * 24 * time.Hour}} {
		_, err := NewLimits(wrong)
		wantError(t, err, ErrConfiguration, "CONFIGURATION")
	}
	defer func() {
		if recover() == nil {
			t.Fatal("a wrong text is accepted")
		}
	}()
	MustParseLimits("100")
}

func TestEverySectionIsRun(t *testing.T) {
	known := []string{
		// Here.
		"limit_strings", "policy_limit_strings", "bad_limit_strings", "guard_users", "password_digests",
		// In guard_conformance_test.go, calls_test.go and message_limit_test.go.
		"guard_attempts", "calls", "message_limits", "bad_message_limits",
		// In internal/conformance, internal/pattern and internal/origin.
		"version", "defaults", "cases", "startup_errors", "policy_names", "origins",
	}
	for section := range ok[map[string]json.RawMessage](t)(casefile.Document()) {
		if !slices.Contains(known, section) {
			t.Errorf("the section %q is not run", section)
		}
	}
}
