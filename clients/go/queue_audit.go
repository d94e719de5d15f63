package lockwatch

import "time"

// Audit events wait this long for others. A write for each event would cost more than the rest of
// the middleware.
const auditLinger = 50 * time.Millisecond

// newAuditQueue makes the queue of a middleware for its audit events. Close of the client sends
// what is left in it.
func (c *Client) newAuditQueue(size int) *sendQueue {
	queue := newSendQueue(c.after, size, auditLinger, &auditLosses{c})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queues = append(c.queues, queue)
	return queue
}

// auditLosses logs and counts audit events that are lost.
type auditLosses struct{ client *Client }

func (l *auditLosses) recorded() { l.client.failures.eventsRecorded() }
func (l *auditLosses) lost(kind string, err error, count int) {
	l.client.failures.eventsLost(kind, err, count)
	l.client.auditLost(count)
}
