package lockwatch

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const (
	// A guard compares the digest with the last four of a pair, so it needs no more bytes.
	digestBytes = 8
	// The white space around names that all clients remove.
	nameMargin = "\t\n\v\f\r\x1c\x1d\x1e\x1f \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006" +
		"\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)

// normalizedUser is a name in the one spelling that is sent: NFKC, trimmed, case-folded. So
// "Alice", " alice" and the full-width spelling of it are one user.
func normalizedUser(name string) string {
	if isPlain(name) {
		return strings.ToLower(name)
	}
	return cases.Fold().String(strings.Trim(norm.NFKC.String(name), nameMargin))
}

func isPlain(name string) bool {
	for i := range len(name) {
		if name[i] <= ' ' || name[i] > '~' {
			return false
		}
	}
	return true
}

func userArgument(name string, asGiven bool) string {
	if asGiven {
		return name
	}
	return normalizedUser(name)
}

// passwordDigest is the VALUE for a password: 16 hexadecimal digits of HMAC-SHA256.
func passwordDigest(key []byte, password string) string {
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte(password)) // It never fails.
	return hex.EncodeToString(mac.Sum(nil)[:digestBytes])
}
