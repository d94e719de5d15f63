package lockwatch

import "context"

// single sends commands to one server, or to the primary that Sentinel names.
type single struct{ node *node }

func (s *single) send(ctx context.Context, commands []command) ([]reply, error) {
	return s.node.exchange(ctx, commands)
}

func (s *single) close() error { return s.node.close() }
