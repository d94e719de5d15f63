package lockwatch

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"lockwatch/internal/address"
)

const (
	// Keys that the server looks at in one step of SCAN.
	scanStep = "1000"
	// A limit that no key reaches, so that what is left of it says what was used.
	usageLimit     = 1 << 52
	usageLimitText = "4503599627370496"
)

// ClientOf says whose keys are meant: one of Client, Key and Address.
type ClientOf struct {
	// Client is as in the data of a denial's audit event: "ip:203.0.113.9", "key:bob".
	Client string
	// Key is what KeyFunc returned.
	Key string
	// Address is an IP address, under the default lengths of prefixes. With others, give Client.
	Address string
	// KeyPrefix is "lw" unless given.
	KeyPrefix string
}

// ClientKey is a key of a client.
type ClientKey struct {
	Key string
	// Kind is "limit", "unverified", "route limit" or "burst".
	Kind string
	// Policy is the name of the policy or of the route's limit; empty for a burst.
	Policy string
	// ExpiresIn is Never if the key does not expire.
	ExpiresIn time.Duration
	// Usage is nil for a burst, and for a key that lockwatch has not made.
	Usage *ClientUsage
}

// ClientUsage is the units that were used at a key lately. Those that left its longest window are
// forgotten.
type ClientUsage struct{ LastMinute, LastHour, LastDay int64 }

// ClientKeys lists the keys of a client, sorted: what it used, under which policy, and when they
// expire. It goes through all keys of one server with SCAN, in a cluster of the node that holds the
// client's slot.
func (c *Client) ClientKeys(ctx context.Context, of ClientOf) ([]ClientKey, error) {
	prefix, err := c.clientPrefix(of)
	if err != nil {
		return nil, err
	}
	keys, err := c.scan(ctx, prefix)
	if err != nil {
		return nil, err
	}
	found := make([]ClientKey, len(keys))
	for i, key := range keys {
		if found[i], err = c.describe(ctx, key, key[len(prefix):]); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// ResetClient deletes the keys of a client, which has used nothing then. It returns their number.
func (c *Client) ResetClient(ctx context.Context, of ClientOf) (int64, error) {
	prefix, err := c.clientPrefix(of)
	if err != nil {
		return 0, err
	}
	keys, err := c.scan(ctx, prefix)
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	cmd := command{args: []any{"UNLINK"}, key: prefix, slow: true}
	for _, key := range keys {
		cmd.args = append(cmd.args, key)
	}
	return readInteger(c.execute(ctx, cmd))
}

// clientPrefix is what the keys of a client start with.
func (c *Client) clientPrefix(of ClientOf) (string, error) {
	given := 0
	for _, each := range []string{of.Client, of.Key, of.Address} {
		if each != "" {
			given++
		}
	}
	if given != 1 {
		return "", configurationError("give one of Client (as in the audit event: 'ip:203.0.113.9'), Key (what KeyFunc " +
			"returned) and Address")
	}
	client := of.Client
	if of.Key != "" {
		client = keyClient(of.Key)
	}
	if of.Address != "" {
		parsed, ok := address.Parse(of.Address)
		if !ok {
			return "", configurationError("Address is %s, which is no IP address: write '203.0.113.9'", shown(of.Address))
		}
		client = address.Prefixes{IPv4: address.DefaultIPv4, IPv6: address.DefaultIPv6}.Client(parsed)
	}
	prefix := of.KeyPrefix
	if prefix == "" {
		prefix = defaultPrefix
	}
	space, err := newKeySpace(c, prefix)
	return space.key(client, ""), err
}

// scan returns the keys that start with a prefix, sorted.
func (c *Client) scan(ctx context.Context, prefix string) ([]string, error) {
	pattern := strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(prefix) + "*"
	var found []string
	for cursor := "0"; ; {
		args := []any{"SCAN", cursor, "MATCH", pattern, "COUNT", scanStep}
		value, err := c.execute(ctx, command{args: args, key: prefix, slow: true})
		if err != nil {
			return nil, err
		}
		step := tupleOf(value, "cursor", "keys")
		keys, ok := step.get("keys").([]any)
		if cursor = step.text("cursor"); !ok || step.wrong {
			return nil, strangeReply()
		}
		for _, each := range keys {
			key, ok := each.(string)
			// No name of a policy has a brace: a key with one is that of a longer client.
			if ok && !strings.Contains(key[len(prefix):], "}") {
				found = append(found, key)
			}
		}
		if cursor == "0" {
			slices.Sort(found)
			return slices.Compact(found), nil
		}
	}
}

// describe says what a key of a client holds.
func (c *Client) describe(ctx context.Context, key, rest string) (ClientKey, error) {
	found := ClientKey{Key: key}
	found.Kind, found.Policy = kindOf(rest)
	commands := []command{newCommand("PTTL", key)}
	if found.Kind != "burst" {
		// One window at a time, because a reply describes the one that binds.
		for _, window := range []string{"60", "3600", "86400"} {
			commands = append(commands, newCommand("LW.PEEK", key, usageLimitText, window, "COST", "0"))
		}
	}
	replies, err := c.slow.send(ctx, commands)
	if err != nil {
		return found, err
	}
	ms, err := readInteger(replies[0].value, replies[0].err)
	if err != nil {
		return found, err
	}
	found.ExpiresIn = durationOf(ms)
	if len(replies) == 1 {
		return found, nil
	}
	var used [3]int64
	for i := range used {
		result, err := readRateLimit(replies[i+1].value, Limits{}, false)
		if errors.Is(replies[i+1].err, ErrCommand) {
			// A key of another type.
			return found, nil
		}
		if err = cmp.Or(replies[i+1].err, err); err != nil {
			return found, err
		}
		used[i] = usageLimit - result.Remaining
	}
	found.Usage = &ClientUsage{used[0], used[1], used[2]}
	return found, nil
}

// kindOf reads what follows the client in a key.
func kindOf(rest string) (kind, policy string) {
	if rest == "burst" {
		return "burst", ""
	}
	if name, isRoute := strings.CutPrefix(rest, routeKind); isRoute {
		return "route limit", name
	}
	if name, isAddress := strings.CutSuffix(rest, ":"+unverified); isAddress {
		return "unverified", name
	}
	return "limit", rest
}
