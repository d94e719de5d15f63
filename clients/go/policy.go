package lockwatch

import (
	"context"
	"time"
)

// PolicyLimits are the limits of a policy of the server, or of an override for some subjects.
type PolicyLimits struct {
	Limits []Limit
	// Shadow says that calls are decided and counted, and none is denied.
	Shadow bool
}

// PolicyOverride has the limits for one subject, or for all that begin with a text before "*".
type PolicyOverride struct {
	Subject string
	PolicyLimits
}

// PolicyInfo is a policy with its overrides.
type PolicyInfo struct {
	Name string
	PolicyLimits
	Overrides []PolicyOverride
}

// PolicyMatch says which limits of a policy apply to a key.
type PolicyMatch struct {
	PolicyLimits
	// Override is the subject of the override that they come from; empty if they are the policy's
	// own.
	Override string
	// Subject is that of the key.
	Subject string
}

// PolicyCounts are the calls by a policy on one node.
type PolicyCounts struct {
	Name string
	PolicyLimits
	// Overrides is their number.
	Overrides                    int64
	Calls, Denied, ShadowDenials int64
}

// PolicyList has all policies of a node.
type PolicyList struct {
	// Digest is a hash of all policies and overrides: nodes with equal policies have equal digests.
	Digest   string
	Policies []PolicyCounts
}

// PolicySetArgs are what PolicySet may be told besides the limits.
type PolicySetArgs struct {
	// Shadow has calls decided and counted, and none denied.
	Shadow bool
	// For sets the limits for one subject, or with "*" at the end for all that begin with a text.
	For string
}

// PolicySet sets the limits of a policy of the server (LW.POLICY SET). Calls then name it as
// "@name" in place of limits. In a cluster it is set on every primary. Like all commands about
// policies, it needs an ACL user with rights of an administrator.
func (c *Client) PolicySet(ctx context.Context, name string, limits Limits, args PolicySetArgs) error {
	if limits.IsZero() || limits.policy != "" {
		return configurationError("a policy of the server has limits in numbers, like \"100/minute\"")
	}
	cmd := command{args: append([]any{"LW.POLICY", "SET", name}, limits.args...)}
	_, err := c.everywhere(ctx, cmd.flag("SHADOW", args.Shadow).with("FOR", args.For))
	return err
}

// PolicyDel deletes a policy with its overrides, or with subject one override (LW.POLICY DEL). In a
// cluster it is deleted on every primary. False if there was none.
func (c *Client) PolicyDel(ctx context.Context, name, subject string) (bool, error) {
	values, err := c.everywhere(ctx, command{args: []any{"LW.POLICY", "DEL", name}}.with("FOR", subject))
	found := false
	for _, value := range values {
		deleted, wrong := readBool(value, err)
		if wrong != nil {
			return false, wrong
		}
		found = found || deleted
	}
	return found, err
}

// PolicyGet returns a policy and its overrides (LW.POLICY GET).
func (c *Client) PolicyGet(ctx context.Context, name string) (*PolicyInfo, error) {
	value, err := c.execute(ctx, command{args: []any{"LW.POLICY", "GET", name}})
	if err != nil {
		return nil, err
	}
	found := recordOf(value)
	info := &PolicyInfo{Name: found.text("name"), PolicyLimits: readPolicyLimits(found)}
	info.Overrides = listIn(found, "overrides", func(f *fields) PolicyOverride {
		return PolicyOverride{f.text("subject"), readPolicyLimits(f)}
	})
	return info, found.err()
}

// PolicyWhich returns the limits of a policy that apply to a key, and why (LW.POLICY WHICH). The
// key need not exist.
func (c *Client) PolicyWhich(ctx context.Context, name, key string) (*PolicyMatch, error) {
	value, err := c.execute(ctx, command{args: []any{"LW.POLICY", "WHICH", name, key}, key: key})
	if err != nil {
		return nil, err
	}
	found := recordOf(value)
	match := &PolicyMatch{readPolicyLimits(found), found.optional("override"), found.text("subject")}
	return match, found.err()
}

// PolicyList returns the policies of a node with their counts (LW.POLICY LIST): in a cluster, of
// any primary.
func (c *Client) PolicyList(ctx context.Context) (*PolicyList, error) {
	value, err := c.execute(ctx, command{args: []any{"LW.POLICY", "LIST"}})
	if err != nil {
		return nil, err
	}
	found := recordOf(value)
	all := &PolicyList{Digest: found.text("digest")}
	all.Policies = listIn(found, "policies", func(f *fields) PolicyCounts {
		return PolicyCounts{
			Name: f.text("name"), PolicyLimits: readPolicyLimits(f), Overrides: f.integer("overrides"),
			Calls: f.integer("calls"), Denied: f.integer("denied"), ShadowDenials: f.integer("shadow_denied"),
		}
	})
	return all, found.err()
}

func readPolicyLimits(f *fields) PolicyLimits {
	found := PolicyLimits{Shadow: f.flag("shadow")}
	pairs, ok := f.get("limits").([]any)
	f.wrong = f.wrong || !ok
	for _, pair := range pairs {
		numbers, ok := integersIn(pair, 2)
		if !ok {
			f.wrong = true
			return found
		}
		found.Limits = append(found.Limits, Limit{numbers[0], time.Duration(numbers[1]) * time.Millisecond})
	}
	return found
}

// everywhere sends a command to the server, and in a cluster to every primary, and returns the
// replies. It stops at the first error.
func (c *Client) everywhere(ctx context.Context, cmd command) ([]any, error) {
	if nodes, ok := c.link.connection.(*cluster); ok {
		return nodes.everywhere(ctx, cmd)
	}
	value, err := c.execute(ctx, cmd)
	return []any{value}, err
}
