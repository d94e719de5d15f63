package lockwatch

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"time"
)

// maxTokenBytes is more than a token has that the server issues. A longer one is not sent, because
// other calls would wait for it.
const maxTokenBytes = 16_384

// Tokens are those of a new session, or of a rotation. They print without their secrets.
type Tokens struct {
	AccessToken Secret
	// RefreshToken is empty if only an access token was asked for.
	RefreshToken     Secret
	AccessExpiresAt  time.Time
	RefreshExpiresAt time.Time
	SessionID        string
}

// Secret is a token. It prints as "[secret]", so that no log has it by accident.
type Secret string

// String hides the token. Write string(secret) for the token itself.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[secret]"
}

// GoString hides the token.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the token.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// LogValue is the session, without its tokens.
func (t Tokens) LogValue() slog.Value { return slog.StringValue("tokens of session " + t.SessionID) }

// Claims are those of a verified access token.
type Claims struct {
	Subject   string
	SessionID string
	// ID is the claim jti.
	ID        string
	ExpiresAt time.Time
	// All has every claim, with those that the application passed to Issue.
	All map[string]any
}

// Scopes returns the scopes of a claim: the words of a text (RFC 8693), or the members of a list.
func (c *Claims) Scopes(claim string) []string {
	switch value := c.All[claim].(type) {
	case string:
		return strings.Fields(value)
	case []any:
		var scopes []string
		for _, each := range value {
			if scope, ok := each.(string); ok {
				scopes = append(scopes, scope)
			}
		}
		return scopes
	default:
		return nil
	}
}

// Introspection is what RFC 7662 reports of a token.
type Introspection struct {
	Active bool
	All    map[string]any
}

// Session is one login of a subject.
type Session struct {
	ID                              string
	CreatedAt, RotatedAt, ExpiresAt time.Time
	// Generation is 1 at first, and grows by 1 with each rotation.
	Generation int64
	// Meta is what Issue and Rotate were told to keep.
	Meta json.RawMessage
}

// IssueArgs are what Issue may be told besides store and subject.
type IssueArgs struct {
	// Claims are those of the access token besides the registered ones: a map or a struct, which
	// JSON makes an object.
	Claims any
	// Audience has one to eight names. That of the server unless given.
	Audience []string
	// AccessTTL and RefreshTTL are those of the server unless given.
	AccessTTL, RefreshTTL time.Duration
	// AccessOnly issues no refresh token.
	AccessOnly bool
	// Meta is anything that JSON can express. It is kept with the session, and listed by Sessions.
	Meta any
}

// Issue opens a session in the token store at the key store (LW.ISSUE).
func (c *Client) Issue(ctx context.Context, store, subject string, args IssueArgs) (*Tokens, error) {
	claims, err := jsonArgument("Claims", args.Claims)
	if err != nil {
		return nil, err
	}
	meta, err := jsonArgument("Meta", args.Meta)
	if err != nil {
		return nil, err
	}
	if args.AccessOnly && args.RefreshTTL != 0 {
		return nil, configurationError("AccessOnly and RefreshTTL are both given: leave one out")
	}
	cmd := newCommand("LW.ISSUE", store, subject).with("CLAIMS", claims)
	for _, name := range args.Audience {
		cmd.args = append(cmd.args, "AUDIENCE", name)
	}
	if args.AccessTTL != 0 {
		cmd = cmd.with("ACCESSTTL", durationArgument(args.AccessTTL))
	}
	switch {
	case args.AccessOnly:
		cmd = cmd.with("REFRESHTTL", "0")
	case args.RefreshTTL != 0:
		cmd = cmd.with("REFRESHTTL", durationArgument(args.RefreshTTL))
	}
	return c.tokens(ctx, cmd.with("META", meta))
}

// RotateArgs are what Rotate may be told besides the token.
type RotateArgs struct {
	// Claims replace those of the session. nil keeps them.
	Claims any
	// Meta replaces that of the session. nil keeps it.
	Meta any
}

// Rotate exchanges a refresh token for the next tokens (LW.ROTATE). The error is ErrTokenReused if
// the token was used before, and ErrConflict if it was rotated a moment ago with other claims.
func (c *Client) Rotate(ctx context.Context, store string, refreshToken Secret, args RotateArgs) (*Tokens, error) {
	claims, err := jsonArgument("Claims", args.Claims)
	if err != nil {
		return nil, err
	}
	meta, err := jsonArgument("Meta", args.Meta)
	if err != nil {
		return nil, err
	}
	return c.tokens(ctx, newCommand("LW.ROTATE", store, string(refreshToken)).with("CLAIMS", claims).with("META", meta))
}

func (c *Client) tokens(ctx context.Context, cmd command) (*Tokens, error) {
	cmd.slow = true
	value, err := c.execute(ctx, cmd)
	if err != nil {
		return nil, err
	}
	found := tupleOf(value, "access", "refresh", "access_expires", "refresh_expires", "session")
	made := &Tokens{
		AccessToken:      Secret(found.text("access")),
		RefreshToken:     Secret(found.optional("refresh")),
		AccessExpiresAt:  found.time("access_expires"),
		RefreshExpiresAt: found.optionalTime("refresh_expires"),
		SessionID:        found.text("session"),
	}
	return made, found.err()
}

// SetSessionClaims sets the claims that access tokens of a session have from the next rotation on
// (LW.CLAIMS). It returns how many sessions this changed.
func (c *Client) SetSessionClaims(ctx context.Context, store, session string, claims any) (int64, error) {
	return c.setClaims(ctx, store, "SESSION", session, claims)
}

// SetSubjectClaims is SetSessionClaims for all sessions of a subject.
func (c *Client) SetSubjectClaims(ctx context.Context, store, subject string, claims any) (int64, error) {
	return c.setClaims(ctx, store, "SUBJECT", subject, claims)
}

func (c *Client) setClaims(ctx context.Context, store, what, whose string, claims any) (int64, error) {
	if claims == nil {
		claims = struct{}{}
	}
	text, err := jsonArgument("claims", claims)
	if err != nil {
		return 0, err
	}
	return c.count(ctx, newCommand("LW.CLAIMS", store, what, whose, text))
}

// count sends a slow command that replies with a number.
func (c *Client) count(ctx context.Context, cmd command) (int64, error) {
	cmd.slow = true
	return readInteger(c.execute(ctx, cmd))
}

// Verify returns the claims of an access token (LW.VERIFY). The error is ErrToken for one that is
// not accepted. audience is that of the server if empty.
func (c *Client) Verify(ctx context.Context, store string, accessToken Secret, audience string) (*Claims, error) {
	if len(accessToken) > maxTokenBytes {
		return nil, &Error{Code: "LWINVALID", Message: "the token is longer than any that is issued", kind: ErrTokenInvalid}
	}
	text, err := readText(c.execute(ctx, newCommand("LW.VERIFY", store, string(accessToken)).with("AUDIENCE", audience)))
	if err != nil {
		return nil, err
	}
	claims := &Claims{}
	if json.Unmarshal([]byte(text), &claims.All) != nil {
		return nil, strangeReply()
	}
	expires, isNumber := claims.All["exp"].(float64)
	claims.Subject, _ = claims.All["sub"].(string)
	claims.SessionID, _ = claims.All["sid"].(string)
	claims.ID, _ = claims.All["jti"].(string)
	claims.ExpiresAt = time.Unix(int64(expires), 0)
	if !isNumber || claims.Subject == "" || claims.SessionID == "" {
		return nil, strangeReply()
	}
	return claims, nil
}

// Introspect returns what RFC 7662 reports of a token (LW.INTROSPECT). A token that is not accepted
// is inactive, and no error.
func (c *Client) Introspect(ctx context.Context, store string, token Secret) (*Introspection, error) {
	if len(token) > maxTokenBytes {
		return &Introspection{All: map[string]any{"active": false}}, nil
	}
	text, err := readText(c.execute(ctx, newCommand("LW.INTROSPECT", store, string(token))))
	if err != nil {
		return nil, err
	}
	found := &Introspection{}
	if json.Unmarshal([]byte(text), &found.All) != nil {
		return nil, strangeReply()
	}
	active, isBool := found.All["active"].(bool)
	if found.Active = active; !isBool {
		return nil, strangeReply()
	}
	return found, nil
}

// Revoke ends the session of a token (LW.REVOKE). It returns how many ended.
func (c *Client) Revoke(ctx context.Context, store string, token Secret) (int64, error) {
	return c.count(ctx, newCommand("LW.REVOKE", store, "TOKEN", string(token)))
}

// RevokeSession ends a session.
func (c *Client) RevokeSession(ctx context.Context, store, session string) (int64, error) {
	return c.count(ctx, newCommand("LW.REVOKE", store, "SESSION", session))
}

// RevokeSubject ends the sessions of a subject, except the one to keep if it is not empty.
func (c *Client) RevokeSubject(ctx context.Context, store, subject, keep string) (int64, error) {
	return c.count(ctx, newCommand("LW.REVOKE", store, "SUBJECT", subject).with("EXCEPT", keep))
}

// RevokeAll ends all sessions of a store (LW.REVOKEALL). It returns how many ended.
func (c *Client) RevokeAll(ctx context.Context, store string) (int64, error) {
	return c.count(ctx, newCommand("LW.REVOKEALL", store))
}

// Sessions returns the sessions of a subject (LW.SESSIONS).
func (c *Client) Sessions(ctx context.Context, store, subject string) ([]Session, error) {
	cmd := newCommand("LW.SESSIONS", store, subject)
	cmd.slow = true
	value, err := c.execute(ctx, cmd)
	if err != nil {
		return nil, err
	}
	return list(value, func(f *fields) Session {
		return Session{
			ID: f.text("session_id"), CreatedAt: f.time("created_at_ms"), RotatedAt: f.time("rotated_at_ms"),
			ExpiresAt: f.time("expires_at_ms"), Generation: f.integer("generation"), Meta: f.json("meta"),
		}
	})
}

// JWKS returns the public keys that verify access tokens, as JSON (RFC 7517, LW.JWKS).
func (c *Client) JWKS(ctx context.Context) (json.RawMessage, error) {
	text, err := readText(c.execute(ctx, command{args: []any{"LW.JWKS"}, slow: true}))
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal([]byte(text), &set) != nil || set.Keys == nil {
		return nil, strangeReply()
	}
	return json.RawMessage(text), nil
}
