package lockwatch

import (
	"context"
	"errors"
	"net/http"
)

type attemptKey struct{}

// AttemptOf returns the attempt of a login, for TokenOptions.Authenticate; nil without a guard.
func AttemptOf(ctx context.Context) *Attempt {
	attempt, _ := ctx.Value(attemptKey{}).(*Attempt)
	return attempt
}

func (e *TokenEndpoints) login(w http.ResponseWriter, r *http.Request) (*Reply, error) {
	var attempt *Attempt
	if e.options.Guard != nil {
		var err error
		if attempt, err = e.attempt(r); err != nil {
			if isRefusal(err) {
				e.options.Guard.Refuse(w, r, err)
				return nil, nil
			}
			return nil, err
		}
		r = r.WithContext(context.WithValue(r.Context(), attemptKey{}, attempt))
	}
	login, err := e.options.Authenticate(r)
	if err != nil {
		return nil, askFunction("Authenticate", err)
	}
	if login == nil {
		if attempt != nil && attempt.Outcome() == "" {
			attempt.Failed()
		}
		return jsonReply(http.StatusUnauthorized, map[string]any{"error": "invalid_credentials"}, noStore()), nil
	}
	if login.Subject == "" {
		return nil, configurationError("Authenticate returned a Login without a Subject: return nil for wrong credentials")
	}
	setUser(r, login.Subject)
	issued, err := e.issue(r, login)
	if err != nil {
		return nil, err
	}
	return complete(attempt, e.tokens(r, issued, payloadOf(issued.AccessToken))), nil
}

// isRefusal says whether a guard's error is answered by the guard.
func isRefusal(err error) bool {
	var away *awayError
	return errors.Is(err, ErrAttemptDenied) || errors.Is(err, ErrUnavailable) && !errors.As(err, &away)
}

func (e *TokenEndpoints) attempt(r *http.Request) (*Attempt, error) {
	user, password := Credentials(r)
	if e.options.LoginName != nil {
		var err error
		if user, err = e.options.LoginName(r); err != nil {
			return nil, askFunction("LoginName", err)
		}
	}
	return e.options.Guard.AttemptRequest(r, user, password)
}

func (e *TokenEndpoints) issue(r *http.Request, login *Login) (*Tokens, error) {
	store, err := e.store.key(r)
	if err != nil {
		return nil, err
	}
	args := IssueArgs{
		Claims: login.Claims, Audience: login.Audience, Meta: login.Meta,
		AccessTTL: e.options.AccessTTL, RefreshTTL: e.options.RefreshTTL, AccessOnly: e.options.AccessOnly,
	}
	if args.Meta == nil {
		if args.Meta, err = e.meta(r); err != nil {
			return nil, err
		}
	}
	return e.client.Issue(context.WithoutCancel(r.Context()), store, login.Subject, args)
}

// complete says that the login is complete, unless the application has said an outcome. The
// response gets the cookie of a new device.
func complete(attempt *Attempt, reply *Reply) *Reply {
	if attempt == nil || attempt.Outcome() != "" && attempt.Outcome() != "password" {
		return reply
	}
	if cookie := attempt.renewDevice(); cookie != nil {
		reply.Header.Add("Set-Cookie", cookie.String())
	}
	attempt.Succeeded(nil)
	return reply
}

func (e *TokenEndpoints) logout(_ http.ResponseWriter, r *http.Request) (*Reply, error) {
	store, err := e.store.key(r)
	if err != nil {
		return nil, err
	}
	token, access := e.refreshToken(r), bearerToken(r)
	ctx := context.WithoutCancel(r.Context())
	switch {
	case token != "":
		e.findUser(ctx, r, store, token)
		_, err = e.client.Revoke(ctx, store, token)
	case access != "":
		var ended bool
		if ended, err = e.endSessionOf(ctx, r, store, access); err == nil && !ended {
			return challenged("invalid_token", `Bearer error="invalid_token"`), nil
		}
	default:
		return challenged("unauthorized", "Bearer"), nil
	}
	// A token that is not accepted is as good as logged out.
	if err != nil && !errors.Is(err, ErrToken) {
		return nil, err
	}
	header := noStore()
	if e.cookie != nil {
		header.Add("Set-Cookie", e.cookie.header("", 0, cookiePathOf(r)))
	}
	return &Reply{Status: http.StatusNoContent, Header: header}, nil
}

// findUser finds the user for the audit event. A failure does not stop the logout.
func (e *TokenEndpoints) findUser(ctx context.Context, r *http.Request, store string, token Secret) {
	if StateOf(r.Context()) == nil {
		return
	}
	if found, err := e.client.Introspect(ctx, store, token); err == nil {
		subject, _ := found.All["sub"].(string)
		setUser(r, subject)
	}
}

// endSessionOf ends the session of an access token. LW.VERIFY would check the audience, but a token
// for any audience may end its own session.
func (e *TokenEndpoints) endSessionOf(ctx context.Context, r *http.Request, store string, access Secret) (bool, error) {
	found, err := e.client.Introspect(ctx, store, access)
	if err != nil {
		return false, err
	}
	subject, _ := found.All["sub"].(string)
	setUser(r, subject)
	session, isText := found.All["sid"].(string)
	if !found.Active || !isText {
		return false, nil
	}
	ended, err := e.client.RevokeSession(ctx, store, session)
	return ended > 0, err
}
