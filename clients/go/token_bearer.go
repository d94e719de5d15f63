package lockwatch

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
)

// BearerOptions are the options of RequireToken.
type BearerOptions struct {
	// Store is the key of the token store, like "auth". StoreFunc finds it for a request instead.
	Store     string
	StoreFunc func(r *http.Request) (string, error)
	// Scopes are all required.
	Scopes []string
	// Audience is that of the server unless given.
	Audience string
	// Realm is named in challenges. "api" unless given.
	Realm string
	// OnError answers a request whose error is neither of the token nor of Redis. 500 and a line in
	// the log by default.
	OnError func(w http.ResponseWriter, r *http.Request, err error)
}

type claimsKey struct{}

// ClaimsOf returns the claims of a request that RequireToken has let through; otherwise nil.
func ClaimsOf(ctx context.Context) *Claims {
	claims, _ := ctx.Value(claimsKey{}).(*Claims)
	return claims
}

// RequireToken lets only requests with a valid access token through (RFC 6750). Handlers get its
// claims by ClaimsOf. The subject is the user in the audit event. If Redis does not answer, the
// response is 503, and not 401, which would log users out.
func RequireToken(client *Client, options BearerOptions) (func(http.Handler) http.Handler, error) {
	store, err := newTokenStore(client, "RequireToken", options.Store, options.StoreFunc)
	if err != nil {
		return nil, err
	}
	if options.Realm == "" {
		options.Realm = "api"
	}
	if strings.ContainsAny(options.Realm, "\"\\\x00\r\n\t") {
		return nil, configurationError("Realm is %s: expected a text without quotes and backslashes, like 'api'",
			shown(options.Realm))
	}
	for _, scope := range options.Scopes {
		if scope == "" || strings.Contains(scope, " ") {
			return nil, configurationError("Scopes has %s: expected texts without spaces, like 'orders:read'", shown(scope))
		}
	}
	if options.OnError == nil {
		options.OnError = client.answerError
	}
	bearer := &bearerGuard{client, store, options}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { bearer.serve(w, r, next) })
	}, nil
}

type bearerGuard struct {
	client  *Client
	store   tokenStore
	options BearerOptions
}

func (b *bearerGuard) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	token := bearerToken(r)
	if token == "" {
		// RFC 6750: no error code, because no token was presented.
		b.refuse(w, http.StatusUnauthorized, "unauthorized", "")
		return
	}
	claims, err := b.verify(r, token)
	switch {
	case errors.Is(err, ErrToken):
		description := "the token is not valid"
		if errors.Is(err, ErrTokenExpired) {
			description = "the token has expired"
		}
		b.refuse(w, http.StatusUnauthorized, "invalid_token", `, error="invalid_token", error_description="`+description+`"`)
		return
	case err != nil:
		if !b.client.tokenUnavailable(w, err) {
			b.options.OnError(w, r, err)
		}
		return
	}
	setUser(r, claims.Subject)
	if granted := scopesOf(claims); slices.ContainsFunc(b.options.Scopes, func(scope string) bool { return !granted[scope] }) {
		b.refuse(w, http.StatusForbidden, "insufficient_scope",
			`, error="insufficient_scope", scope="`+strings.Join(b.options.Scopes, " ")+`"`)
		return
	}
	next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), claimsKey{}, claims)))
}

func (b *bearerGuard) verify(r *http.Request, token Secret) (*Claims, error) {
	store, err := b.store.key(r)
	if err != nil {
		return nil, err
	}
	return b.client.Verify(context.WithoutCancel(r.Context()), store, token, b.options.Audience)
}

func (b *bearerGuard) refuse(w http.ResponseWriter, status int, reason, parameters string) {
	header := http.Header{"Www-Authenticate": {`Bearer realm="` + b.options.Realm + `"` + parameters}}
	jsonReply(status, map[string]any{"error": reason}, header).write(w, nil)
}

// bearerToken is the token in the Authorization header; empty if it has none.
func bearerToken(r *http.Request) Secret {
	scheme, token, _ := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || strings.Contains(token, " ") {
		return ""
	}
	return Secret(token)
}

// scopesOf are the scopes that the claims grant. RFC 8693 calls the claim scope; scopes and scp are
// common too.
func scopesOf(claims *Claims) map[string]bool {
	granted := map[string]bool{}
	for _, claim := range []string{"scope", "scopes", "scp"} {
		for _, scope := range claims.Scopes(claim) {
			granted[scope] = true
		}
	}
	return granted
}

// tokenStore is the key of a token store, or a function that finds it.
type tokenStore struct {
	fixed string
	find  func(r *http.Request) (string, error)
}

func newTokenStore(client *Client, of, fixed string, find func(*http.Request) (string, error)) (tokenStore, error) {
	if client == nil {
		return tokenStore{}, configurationError("the client of %s is nil", of)
	}
	if (fixed == "") == (find == nil) {
		return tokenStore{}, configurationError("%s needs one of Store, the key of a token store like 'auth', and StoreFunc", of)
	}
	return tokenStore{fixed, find}, nil
}

func (s tokenStore) key(r *http.Request) (string, error) {
	if s.find == nil {
		return s.fixed, nil
	}
	key, err := s.find(r)
	return key, askFunction("StoreFunc", err)
}

// tokenUnavailable answers 503 and logs why, if an error is one of Redis. It returns whether it
// did.
func (c *Client) tokenUnavailable(w http.ResponseWriter, err error) bool {
	var away *awayError
	switch {
	case errors.As(err, &away):
		c.failures.log(away.option+": "+away.cause.Code, "requests with tokens are answered 503: "+messageOf(away))
	case errors.Is(err, ErrConfiguration) || errors.Is(err, ErrCommand):
		// The application asks for something that the server will always refuse.
		return false
	case isOfRedis(err):
		c.failures.log("token: "+codeOf(err), "requests with tokens are answered 503: "+c.failures.named(err))
	default:
		return false
	}
	refused := serviceUnavailable("")
	header := http.Header{"Retry-After": {"1"}, "Cache-Control": {"no-store"}, "Content-Type": {"application/json"}}
	(&Reply{Status: refused.Status, Header: header, Body: []byte(refused.plainJSON())}).write(w, nil)
	return true
}

func isOfRedis(err error) bool {
	var own *Error
	return errors.As(err, &own)
}

// setUser sets the user in the audit event of the request.
func setUser(r *http.Request, user string) {
	if state := StateOf(r.Context()); state != nil && user != "" {
		state.SetUser(user)
	}
}

// jsonReply is a response of JSON.
func jsonReply(status int, body map[string]any, header http.Header) *Reply {
	header.Set("Content-Type", "application/json")
	return &Reply{Status: status, Header: header, Body: compactJSON(body)}
}
