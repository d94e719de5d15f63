package lockwatch

import "context"

// command is one command of Redis.
type command struct {
	args []any
	// key decides the node in a cluster. Without a key, any primary will do.
	key string
	// slow says that the server executes it on another thread, because it signs or asks Postgres.
	slow bool
}

// newCommand makes a command whose first argument is the key.
func newCommand(name, key string, args ...any) command {
	return command{args: append([]any{name, key}, args...), key: key}
}

// with appends an option and its value, unless the value is empty.
func (c command) with(option, value string) command {
	if value != "" {
		c.args = append(c.args, option, value)
	}
	return c
}

// flag appends an option without a value if it is set.
func (c command) flag(option string, set bool) command {
	if set {
		c.args = append(c.args, option)
	}
	return c
}

// reply is the answer to one command: a value of RESP (int64, string, nil, []any), or the error in
// its place, which is always an *Error.
type reply struct {
	value any
	err   error
}

// connection sends commands to Redis.
type connection interface {
	// send sends the commands in one write to each node, each once, and returns a reply for each.
	// The error is an *Error that is ErrUnavailable, and means that not all answers came.
	send(ctx context.Context, commands []command) ([]reply, error)
	close() error
}

// pipeline sends several commands in one write. Each is sent once, and has a reply or an error of
// its own. The error of the call means that Redis did not answer, or was not asked because the
// breaker is open. It takes no longer than the connect and the command timeout together.
func (c *Client) pipeline(ctx context.Context, commands []command) ([]reply, error) {
	return c.link.send(ctx, commands)
}

// execute sends one command, and returns its reply or the error that Redis answered.
func (c *Client) execute(ctx context.Context, cmd command) (any, error) {
	link := c.link
	if cmd.slow {
		link = c.slow
	}
	replies, err := link.send(ctx, []command{cmd})
	if err != nil {
		return nil, err
	}
	return replies[0].value, replies[0].err
}

// Do sends any command, with the timeouts and the breaker of this client, and returns its reply: an
// int64, a string, nil or a []any of these. In a cluster it goes to the node that holds key; to any
// primary if key is empty. It is never sent twice.
func (c *Client) Do(ctx context.Context, key string, args ...any) (any, error) {
	if len(args) == 0 {
		return nil, configurationError("Do needs the name of a command")
	}
	return c.execute(ctx, command{args: args, key: key})
}
