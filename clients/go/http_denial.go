package lockwatch

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// limitDenial is the DATA of the event of a request that a limit denied. Its members and their
// order are part of the contract.
type limitDenial struct {
	Policy     string      `json:"policy"`
	Key        string      `json:"key"`
	Limit      int64       `json:"limit"`
	Window     json.Number `json:"window,omitempty"`
	RetryAfter *int64      `json:"retry_after"`
	Client     string      `json:"client"`
	Shadow     bool        `json:"shadow,omitempty"`
}

func denialData(result *RateLimitResult, policy, key string, shadow bool) json.RawMessage {
	key = validText(key)
	data := limitDenial{
		Policy:     policy,
		Key:        key,
		Limit:      result.Limit,
		RetryAfter: secondsOf(result.RetryAfter),
		Client:     clientOf(key),
		Shadow:     shadow,
	}
	// The windows of a policy of the server are not known.
	if result.Limits.Policy() == "" {
		seconds := float64(result.Limits.binding(result.Limit).Window) / float64(time.Second)
		data.Window = json.Number(strconv.FormatFloat(seconds, 'f', -1, 64))
	}
	return compactJSON(data)
}

// guardDenial is the DATA of the event of a request that a guard denied. Its members and their
// order are part of the contract.
type guardDenial struct {
	Guard      string  `json:"guard"`
	Rule       *string `json:"rule"`
	RetryAfter *int64  `json:"retry_after"`
}

// secondsOf is nil if waiting does not help.
func secondsOf(wait time.Duration) *int64 {
	if seconds, ok := retrySeconds(wait); ok {
		return &seconds
	}
	return nil
}

// compactJSON encodes without spaces, and leaves `<`, `>` and `&` as they are. It returns nil for
// what JSON cannot express.
func compactJSON(value any) json.RawMessage {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil {
		return nil
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
