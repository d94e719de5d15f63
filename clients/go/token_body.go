package lockwatch

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
)

// maxBody is the bytes of a body that is read. A longer one is treated as one without members.
const maxBody = 16_384

type membersKey struct{}

// withMembers reads the body of a request, and puts it back for the application.
func withMembers(r *http.Request) (*http.Request, error) {
	if r.Body == nil {
		return r, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return r, err
	}
	members := map[string]any{}
	if len(body) <= maxBody {
		members = membersOf(r.Header.Get("Content-Type"), body)
	}
	read := r.WithContext(context.WithValue(r.Context(), membersKey{}, members))
	read.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}
	return read, nil
}

// membersOf are the members of a body of JSON or of a form; none if it is neither.
func membersOf(contentType string, body []byte) map[string]any {
	members := map[string]any{}
	if kind, _, err := mime.ParseMediaType(contentType); err == nil && kind == "application/x-www-form-urlencoded" {
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return map[string]any{}
		}
		for name := range values {
			members[name] = values.Get(name)
		}
		return members
	}
	if json.Unmarshal(body, &members) != nil || members == nil {
		return map[string]any{}
	}
	return members
}

// Credentials returns username and password of a login's body, of JSON or of a form. They are for
// TokenOptions.Authenticate, and empty if the body has none.
func Credentials(r *http.Request) (username, password string) {
	members, _ := r.Context().Value(membersKey{}).(map[string]any)
	password, _ = members["password"].(string)
	switch name := members["username"].(type) {
	case string:
		return name, password
	case float64:
		return strconv.FormatFloat(name, 'f', -1, 64), password
	}
	return "", password
}

// refreshTokenIn is the refresh token of a body; empty if it has none.
func refreshTokenIn(r *http.Request) Secret {
	members, _ := r.Context().Value(membersKey{}).(map[string]any)
	token, _ := members["refresh_token"].(string)
	return Secret(token)
}
