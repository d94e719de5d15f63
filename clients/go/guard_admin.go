package lockwatch

import (
	"context"
	"strconv"
	"time"
)

// EntryArgs say why an operator bans or allows a subject, and who did it. Both are shown in the
// alert and in the audit log.
type EntryArgs struct{ Reason, By string }

// Ban bans an address, a network, a user or a key (LW.BAN). It returns the end of the ban.
func (c *Client) Ban(
	ctx context.Context, guard string, subject Subject, duration time.Duration, args EntryArgs,
) (time.Time, error) {
	return c.enter(ctx, "LW.BAN", guard, subject, duration, args)
}

// Allow lets an address, a network, a user or a key pass (LW.ALLOW). It returns the end of the
// entry. A user can be allowed for seven days at most, and bans of addresses hold for that user
// still.
func (c *Client) Allow(
	ctx context.Context, guard string, subject Subject, duration time.Duration, args EntryArgs,
) (time.Time, error) {
	return c.enter(ctx, "LW.ALLOW", guard, subject, duration, args)
}

func (c *Client) enter(
	ctx context.Context, name, guard string, subject Subject, duration time.Duration, args EntryArgs,
) (time.Time, error) {
	if err := checkDuration("the duration", duration); err != nil {
		return time.Time{}, err
	}
	words, err := subject.one()
	if err != nil {
		return time.Time{}, err
	}
	cmd := newCommand(name, guard, words...).with("FOR", durationArgument(duration))
	until, err := readInteger(c.execute(ctx, cmd.with("REASON", args.Reason).with("BY", args.By)))
	if err != nil {
		return time.Time{}, err
	}
	return timeOf(until), nil
}

// LiftArgs are what Lift may be told besides the subject.
type LiftArgs struct {
	// Forget drops counts, strikes, and known networks and devices as well.
	Forget bool
	// Allowed ends allow entries too.
	Allowed bool
	// By says who did it.
	By string
}

// Lift ends the bans and challenges of a subject (LW.LIFT). IP and User together are the pair. It
// returns how many ended.
func (c *Client) Lift(ctx context.Context, guard string, subject Subject, args LiftArgs) (int64, error) {
	words, err := subject.any()
	if err != nil {
		return 0, err
	}
	return c.lift(ctx, newCommand("LW.LIFT", guard, words...), args)
}

// LiftAll is Lift for every subject of a guard.
func (c *Client) LiftAll(ctx context.Context, guard string, args LiftArgs) (int64, error) {
	return c.lift(ctx, newCommand("LW.LIFT", guard, "ALL"), args)
}

func (c *Client) lift(ctx context.Context, cmd command, args LiftArgs) (int64, error) {
	return readInteger(c.execute(ctx, cmd.flag("FORGET", args.Forget).flag("ALLOWED", args.Allowed).with("BY", args.By)))
}

// BansArgs select entries of a guard.
type BansArgs struct {
	// Allowed lists allow entries in place of bans, and Observed what rules that only observe would
	// have banned.
	Allowed, Observed bool
	// Count is that of the server unless given.
	Count int
	// After is the Cursor of the last entry of the page before.
	After string
}

// Bans returns the entries of a guard (LW.BANS). An empty page is the end.
func (c *Client) Bans(ctx context.Context, guard string, args BansArgs) ([]GuardEntry, error) {
	if args.Allowed && args.Observed {
		return nil, configurationError("Bans takes one of Allowed, Observed")
	}
	cmd := newCommand("LW.BANS", guard).flag("ALLOWED", args.Allowed).flag("OBSERVED", args.Observed)
	if args.Count != 0 {
		cmd = cmd.with("COUNT", strconv.Itoa(args.Count))
	}
	value, err := c.execute(ctx, cmd.with("AFTER", args.After))
	if err != nil {
		return nil, err
	}
	return list(value, readEntry)
}

// Why returns what a guard knows of a subject, and why it decides as it does (LW.WHY). It changes
// nothing. IP and User together are the pair.
func (c *Client) Why(ctx context.Context, guard string, subject Subject) (*GuardReport, error) {
	words, err := subject.any()
	if err != nil {
		return nil, err
	}
	value, err := c.execute(ctx, newCommand("LW.WHY", guard, words...))
	if err != nil {
		return nil, err
	}
	return readReport(value)
}

// Rules returns the rules of a guard, or of all guards for an empty name, as lines of a rules file
// (LW.RULES).
func (c *Client) Rules(ctx context.Context, name string) ([]string, error) {
	cmd := command{args: []any{"LW.RULES"}}
	if name != "" {
		cmd.args = append(cmd.args, name)
	}
	value, err := c.execute(ctx, cmd)
	if err != nil {
		return nil, err
	}
	array, ok := value.([]any)
	if !ok {
		return nil, strangeReply()
	}
	lines := make([]string, len(array))
	for i, each := range array {
		if lines[i], ok = each.(string); !ok {
			return nil, strangeReply()
		}
	}
	return lines, nil
}

// one is a subject of one part.
func (s Subject) one() ([]any, error) {
	cmd := command{}.with("IP", s.IP).with("USER", userArgument(s.User, s.UserAsGiven)).with("KEY", s.Key)
	if len(cmd.args) != 2 || s.Hash != "" {
		return nil, configurationError("the subject has one of IP, User and Key")
	}
	return cmd.args, nil
}

// any is a subject of one part, the pair of an address and a user, or a hash.
func (s Subject) any() ([]any, error) {
	switch {
	case s.Hash != "" && (s.IP != "" || s.User != "" || s.Key != ""):
		return nil, configurationError("the subject has a Hash alone")
	case s.Hash != "":
		return []any{"HASH", s.Hash}, nil
	case s.IP != "" && s.User != "" && s.Key == "":
		return []any{"IP", s.IP, "USER", userArgument(s.User, s.UserAsGiven)}, nil
	default:
		return s.one()
	}
}
