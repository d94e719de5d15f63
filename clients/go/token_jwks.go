package lockwatch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
)

// JWKSPath is where JWKSHandler is usually mounted.
const JWKSPath = "/.well-known/jwks.json"

// JWKSHandler publishes the public keys, for services that verify access tokens themselves. Clients
// keep them for five minutes. A new key should be published for longer than this before it signs.
func (c *Client) JWKSHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys, err := c.JWKS(context.WithoutCancel(r.Context()))
		if err != nil {
			if !c.tokenUnavailable(w, err) {
				c.answerError(w, r, err)
			}
			return
		}
		sum := sha256.Sum256(keys)
		tag := `"` + hex.EncodeToString(sum[:16]) + `"`
		reply := &Reply{Status: http.StatusOK, Body: keys, Header: http.Header{
			"Cache-Control": {"public, max-age=300"}, "Etag": {tag}, "Content-Type": {"application/jwk-set+json"},
		}}
		if knows(r, tag) {
			reply.Status, reply.Body = http.StatusNotModified, nil
			reply.Header.Del("Content-Type")
		}
		reply.write(w, nil)
	})
}

// knows says whether the client has the keys with a tag already.
func knows(r *http.Request, tag string) bool {
	for each := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		if known := strings.TrimPrefix(strings.TrimSpace(each), "W/"); known == tag || known == "*" {
			return true
		}
	}
	return false
}
