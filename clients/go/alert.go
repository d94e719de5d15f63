package lockwatch

import (
	"context"
	"encoding/json"
	"strings"
	"time"
)

// AlertArgs are what Alert may be told besides type and data.
type AlertArgs struct {
	// Dedup and Cooldown go together: the alert is raised only if none of this type and Dedup was
	// raised within Cooldown.
	Dedup    string
	Cooldown time.Duration
}

// Alert raises an alert of the application's own, which is sent to every webhook endpoint
// (LW.ALERT). data is anything that JSON can express. It returns the id; an empty one if Dedup
// suppressed it.
func (c *Client) Alert(ctx context.Context, kind string, data any, args AlertArgs) (string, error) {
	text, err := jsonArgument("data", data)
	if err != nil {
		return "", err
	}
	if text == "" {
		text = "null"
	}
	cmd := command{args: []any{"LW.ALERT", kind, text}}.with("DEDUP", args.Dedup)
	if args.Cooldown > 0 {
		cmd = cmd.with("COOLDOWN", durationArgument(args.Cooldown))
	}
	value, err := c.execute(ctx, cmd)
	if err == nil && value == nil {
		return "", nil
	}
	return readText(value, err)
}

// jsonArgument is JSON as an argument of a command, without spaces; empty if nothing is given.
func jsonArgument(name string, value any) (string, error) {
	if value == nil {
		return "", nil
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", configurationError("%s can't be written as JSON: %v", name, err)
	}
	return plainSeparators(strings.TrimSuffix(text.String(), "\n")), nil
}

// plainSeparators writes the two line separators as they are, like all letters beyond ASCII. The
// encoder always escapes them.
func plainSeparators(text string) string {
	if !strings.Contains(text, `\u202`) {
		return text
	}
	var plain strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] != '\\':
			plain.WriteByte(text[i])
		case strings.HasPrefix(text[i:], `\u2028`), strings.HasPrefix(text[i:], `\u2029`):
			plain.WriteString("\u2028"[:2])
			plain.WriteByte(text[i+5] - '8' + 0xa8)
			i += 5
		default:
			plain.WriteString(text[i : i+2])
			i++
		}
	}
	return plain.String()
}
