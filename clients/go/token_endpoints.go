package lockwatch

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
)

// maxAgent is the characters of the user agent that are kept with a session.
const maxAgent = 512

// Login is a user whose credentials Authenticate has accepted.
type Login struct {
	Subject string
	// Claims are those of the access token: {"scope": "orders:read"}.
	Claims map[string]any
	// Audience has one to eight names. That of the server unless given.
	Audience []string
	// Meta is kept with the session, and listed by Sessions: address and user agent unless given.
	Meta any
}

// TokenOptions are the options of NewTokenEndpoints.
type TokenOptions struct {
	// Store is the key of the token store, like "auth". StoreFunc finds it for a request instead.
	Store     string
	StoreFunc func(r *http.Request) (string, error)
	// Authenticate says who logs in; nil for wrong credentials. Credentials reads them from the
	// body. It is required.
	Authenticate func(r *http.Request) (*Login, error)
	// AccessTTL and RefreshTTL are those of the server unless given. AccessOnly issues no refresh
	// token.
	AccessTTL, RefreshTTL time.Duration
	AccessOnly            bool
	// Cookie keeps the refresh token in a cookie. Without it, it is in the body.
	Cookie *CookieOptions
	// Meta returns what is kept with the session, in place of address and user agent.
	Meta func(r *http.Request) (any, error)
	// Guard is asked before Authenticate, which finds the attempt by AttemptOf and may say its
	// outcome itself. LoginName returns the name that the login was tried with, in place of the
	// body's username.
	Guard     *Guard
	LoginName func(r *http.Request) (string, error)
	// OnError answers a request whose error is neither of the token nor of Redis. 500 and a line in
	// the log by default.
	OnError func(w http.ResponseWriter, r *http.Request, err error)
}

// TokenEndpoints has the handlers of login, refresh and logout (RFC 6749). The application decides
// who somebody is, and the module does the rest. If Redis does not answer, the response is 503.
type TokenEndpoints struct {
	client  *Client
	store   tokenStore
	options TokenOptions
	cookie  *CookieOptions
}

// NewTokenEndpoints makes the handlers. Register mounts them.
func NewTokenEndpoints(client *Client, options TokenOptions) (*TokenEndpoints, error) {
	store, err := newTokenStore(client, "NewTokenEndpoints", options.Store, options.StoreFunc)
	if err != nil {
		return nil, err
	}
	if options.Authenticate == nil {
		return nil, configurationError("Authenticate is nil: expected a function of the request that returns a *Login, or nil " +
			"for wrong credentials")
	}
	if options.Guard != nil && options.Guard.client != client {
		return nil, configurationError("Guard has another client than the endpoints: make both with one client")
	}
	if options.OnError == nil {
		options.OnError = client.answerError
	}
	e := &TokenEndpoints{client: client, store: store, options: options}
	if options.Cookie != nil {
		e.cookie, err = options.Cookie.checked()
	}
	return e, err
}

// Register mounts POST login, refresh and logout below a prefix like "/auth".
func (e *TokenEndpoints) Register(mux *http.ServeMux, prefix string) {
	prefix = strings.TrimSuffix(prefix, "/")
	mux.HandleFunc("POST "+prefix+"/login", e.Login)
	mux.HandleFunc("POST "+prefix+"/refresh", e.Refresh)
	mux.HandleFunc("POST "+prefix+"/logout", e.Logout)
}

// Login is the handler that opens a session.
func (e *TokenEndpoints) Login(w http.ResponseWriter, r *http.Request) { e.handle(w, r, e.login) }

// Refresh is the handler that exchanges a refresh token. Every failure looks the same: the bearer
// does not learn whether a token ever existed.
func (e *TokenEndpoints) Refresh(w http.ResponseWriter, r *http.Request) { e.handle(w, r, e.refresh) }

// Logout is the handler that ends the session of a refresh token, or of an access token.
func (e *TokenEndpoints) Logout(w http.ResponseWriter, r *http.Request) { e.handle(w, r, e.logout) }

// handle runs an action. Its error is one of Redis or of the application; an action that has
// answered itself returns neither.
func (e *TokenEndpoints) handle(
	w http.ResponseWriter, r *http.Request, action func(http.ResponseWriter, *http.Request) (*Reply, error),
) {
	if e.cookie != nil && !e.cookie.allows(r) {
		jsonReply(http.StatusForbidden, map[string]any{"error": "origin_not_allowed"}, noStore()).write(w, nil)
		return
	}
	r, err := withMembers(r)
	var reply *Reply
	if err == nil {
		reply, err = action(w, r)
	}
	switch {
	case err != nil && !e.client.tokenUnavailable(w, err):
		e.options.OnError(w, r, err)
	case err == nil && reply != nil:
		reply.write(w, nil)
	}
}

func noStore() http.Header { return http.Header{"Cache-Control": {"no-store"}} }

// challenged is 401, with a challenge of RFC 6750.
func challenged(reason, challenge string) *Reply {
	header := noStore()
	header.Set("WWW-Authenticate", challenge)
	return jsonReply(http.StatusUnauthorized, map[string]any{"error": reason}, header)
}

func (e *TokenEndpoints) refresh(_ http.ResponseWriter, r *http.Request) (*Reply, error) {
	failed := challenged("invalid_grant", "Bearer")
	token := e.refreshToken(r)
	if token == "" {
		return failed, nil
	}
	store, err := e.store.key(r)
	if err != nil {
		return nil, err
	}
	meta, err := e.meta(r)
	if err != nil {
		return nil, err
	}
	rotated, err := e.client.Rotate(context.WithoutCancel(r.Context()), store, token, RotateArgs{Meta: meta})
	if errors.Is(err, ErrToken) {
		// The cookie stays: another tab may have received the reply that this one lost.
		return failed, nil
	}
	if err != nil {
		return nil, err
	}
	payload := payloadOf(rotated.AccessToken)
	subject, _ := payload["sub"].(string)
	setUser(r, subject)
	return e.tokens(r, rotated, payload), nil
}

func (e *TokenEndpoints) refreshToken(r *http.Request) Secret {
	if e.cookie != nil {
		return e.cookie.read(r)
	}
	return refreshTokenIn(r)
}

// meta is what is kept with the session. nil keeps what a refresh finds there.
func (e *TokenEndpoints) meta(r *http.Request) (any, error) {
	if e.options.Meta != nil {
		meta, err := e.options.Meta(r)
		return meta, askFunction("Meta", err)
	}
	found := map[string]string{}
	if ip, err := requestIP(r); err == nil && ip != "" {
		found["ip"] = ip
	}
	if agent := []rune(validText(r.UserAgent())); len(agent) > 0 {
		found["user_agent"] = string(agent[:min(len(agent), maxAgent)])
	}
	if len(found) == 0 {
		return nil, nil
	}
	return found, nil
}

// tokens is the response with new tokens.
func (e *TokenEndpoints) tokens(r *http.Request, made *Tokens, payload map[string]any) *Reply {
	body := map[string]any{
		"access_token": string(made.AccessToken),
		"token_type":   "Bearer",
		"expires_in":   lifetime(payload, made.AccessExpiresAt),
	}
	header := noStore()
	switch {
	case made.RefreshToken == "":
	case e.cookie == nil:
		body["refresh_token"] = string(made.RefreshToken)
	default:
		header.Add("Set-Cookie", e.cookie.header(made.RefreshToken, lifetime(payload, made.RefreshExpiresAt), cookiePathOf(r)))
	}
	return jsonReply(http.StatusOK, body, header)
}

// cookiePathOf is the path of the request without the action, as the browser sees it.
func cookiePathOf(r *http.Request) string {
	path := r.URL.EscapedPath()
	if asked, _, _ := strings.Cut(r.RequestURI, "?"); strings.HasPrefix(asked, "/") {
		path = asked
	}
	path = strings.TrimRight(path, "/")
	return path[:max(0, strings.LastIndexByte(path, '/'))]
}

// payloadOf are the claims of a JWT that has just come from Redis, so it is not verified.
func payloadOf(token Secret) map[string]any {
	payload := map[string]any{}
	parts := strings.Split(string(token), ".")
	if len(parts) != 3 {
		return payload
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(text, &payload) != nil {
		return map[string]any{}
	}
	return payload
}

// lifetime is whole seconds from the token's iat. Both times are those of the server's clock.
func lifetime(payload map[string]any, expires time.Time) int64 {
	start := time.Now().Unix()
	if issued, ok := payload["iat"].(float64); ok {
		start = int64(issued)
	}
	return max(0, expires.Unix()-start)
}
