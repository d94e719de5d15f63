package lockwatch

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	defaultPrefix = "lw"
	// maxKeyBytes: longer keys of the application are replaced by a digest.
	maxKeyBytes = 128
)

var keyPrefix = regexp.MustCompile(`^[^{}\s]+$`)

// keySpace makes the keys of a middleware or a route limit. The braces around the client are a hash
// tag, so all keys of a client are in one slot of a cluster.
type keySpace struct{ prefix string }

func newKeySpace(client *Client, prefix string) (keySpace, error) {
	service := client.options.Service
	if prefix != "" && !keyPrefix.MatchString(prefix) {
		return keySpace{}, configurationError("KeyPrefix is %s: expected characters without braces and spaces, like 'lw'",
			shown(prefix))
	}
	if prefix == "" {
		prefix = defaultPrefix
		if service == "" {
			client.notice("service", "every service that uses this Redis with the key prefix 'lw' and no service name shares "+
				"its counters with this one: name it with Options{Service: \"shop\"}; KeyPrefix: \"lw\" keeps the counters "+
				"shared, without this line")
		}
	}
	if service != "" {
		prefix += ":" + service
	}
	return keySpace{prefix + ":{"}, nil
}

// key is the key of a client for a policy, or for what follows `limit:`.
func (k keySpace) key(client, policy string) string { return k.prefix + client + "}:" + policy }

// clientOf is the client in a key: neither prefixes nor names of policies have braces.
func clientOf(key string) string {
	return key[strings.IndexByte(key, '{')+1 : strings.LastIndexByte(key, '}')]
}

// credentialClient is the client for the value of a header. The key holds a digest of it. It is
// empty for an empty credential.
func credentialClient(header, value string) string {
	value = strings.Trim(value, " \t")
	if header == "Authorization" {
		// The scheme is written in lower case, so that spellings of one credential are one client.
		if space := strings.IndexAny(value, " \t"); space > 0 {
			value = strings.ToLower(value[:space]) + " " + strings.TrimLeft(value[space:], " \t")
		}
	}
	if value == "" {
		return ""
	}
	return "cred:" + shortDigest(value)
}

// keyClient is the client for what a KeyFunc returned.
func keyClient(text string) string {
	if len(text) > maxKeyBytes {
		return "long:" + shortDigest(text)
	}
	return "key:" + text
}

func shortDigest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// notice logs about the configuration, once for each kind in this process.
func (c *Client) notice(kind, message string) {
	sayOnce(kind, func() { c.options.Logger.Warn(message) })
}

// validText replaces bytes that are not UTF-8, which JSON cannot have.
func validText(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return strings.ToValidUTF8(text, "�")
}
