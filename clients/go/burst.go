package lockwatch

import (
	"context"
	"strconv"
	"time"
)

// BurstArgs are what Burst may be told besides the threshold.
type BurstArgs struct {
	// Cooldown is the time without another alert for this key. That of the server unless given.
	Cooldown time.Duration
	// IP, Endpoint, Method and Agent are shown in the alert.
	IP, Endpoint, Method, Agent string
}

// BurstResult is what Burst found.
type BurstResult struct {
	// Burst says that the window has the threshold of calls or more.
	Burst bool
	// Count is the calls in the window, including this one.
	Count int64
	// Alerted says that this call raised an alert.
	Alerted bool
}

// Burst counts a call, and reports whether the window has threshold calls or more (LW.BURST). The
// first call of a burst raises an alert.
func (c *Client) Burst(
	ctx context.Context, key string, threshold int64, window time.Duration, args BurstArgs,
) (*BurstResult, error) {
	if err := checkDuration("the window", window); err != nil {
		return nil, err
	}
	value, err := c.execute(ctx, burstCommand(key, threshold, window, args))
	if err != nil {
		return nil, err
	}
	return readBurst(value)
}

func burstCommand(key string, threshold int64, window time.Duration, args BurstArgs) command {
	// With all options.
	words := make([]any, 0, 14)
	words = append(words, "LW.BURST", key, strconv.FormatInt(threshold, 10), durationArgument(window))
	cmd := command{args: words, key: key}
	if args.Cooldown > 0 {
		cmd = cmd.with("COOLDOWN", durationArgument(args.Cooldown))
	}
	return cmd.with("IP", args.IP).with("ENDPOINT", args.Endpoint).with("METHOD", args.Method).with("AGENT", args.Agent)
}

// readBurst reads the three integers that LW.BURST answers.
func readBurst(value any) (*BurstResult, error) {
	numbers, ok := integersIn(value, 3)
	if !ok {
		return nil, strangeReply()
	}
	return &BurstResult{numbers[0] == 1, numbers[1], numbers[2] == 1}, nil
}
