package lockwatch

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"lockwatch/internal/testserver"
)

// logText collects log lines.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logText) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// slowConnection answers when it is told to.
type slowConnection struct {
	answers chan struct{}
	mu      sync.Mutex
	batches []int
	err     error
}

func (s *slowConnection) send(_ context.Context, commands []command) ([]reply, error) {
	<-s.answers
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches = append(s.batches, len(commands))
	return make([]reply, len(commands)), s.err
}

func (s *slowConnection) close() error { return nil }

type countedLosses struct {
	mu         sync.Mutex
	byKind     map[string]int
	recordings int
}

func (l *countedLosses) lost(kind string, _ error, count int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byKind[kind] += count
}

func (l *countedLosses) recorded() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recordings++
}

func TestAQueueIsBoundedAndSendsInBatches(t *testing.T) {
	connection := &slowConnection{answers: make(chan struct{})}
	losses := &countedLosses{byKind: map[string]int{}}
	queue := newSendQueue(connection, 150, 0, losses)
	queue.record(command{args: []any{"first"}})
	testserver.Eventually(t, "a first command on its way", 5*time.Second, func() bool { return len(queue.waiting) == 0 })
	for range 200 {
		queue.record(command{args: []any{"next"}})
	}
	if losses.byKind["full"] != 50 {
		t.Fatalf("lost: %v", losses.byKind)
	}
	close(connection.answers)
	queue.close(5 * time.Second)
	if fmt.Sprint(connection.batches) != "[1 100 50]" || losses.recordings != 3 {
		t.Fatalf("batches: %v, recordings: %d", connection.batches, losses.recordings)
	}
	queue.record(command{args: []any{"late"}})
	queue.close(0)
	if losses.byKind["closed"] != 1 {
		t.Fatalf("lost: %v", losses.byKind)
	}
}

func TestAQueueLosesABatchThatHasNoAnswer(t *testing.T) {
	connection := &slowConnection{answers: make(chan struct{}), err: unavailable("TIMEOUT", "too late", "")}
	close(connection.answers)
	losses := &countedLosses{byKind: map[string]int{}}
	queue := newSendQueue(connection, 150, 0, losses)
	queue.record(command{args: []any{"one"}})
	queue.close(5 * time.Second)
	if losses.byKind["TIMEOUT"] != 1 || losses.recordings != 0 {
		t.Fatalf("lost: %v", losses.byKind)
	}
}

func TestClosingDoesNotWaitForeverForTheQueue(t *testing.T) {
	connection := &slowConnection{answers: make(chan struct{})}
	queue := newSendQueue(connection, 10, 0, &countedLosses{byKind: map[string]int{}})
	queue.record(command{args: []any{"one"}})
	began := time.Now()
	queue.close(30 * time.Millisecond)
	if took := time.Since(began); took > 5*time.Second {
		t.Fatalf("it took %v", took)
	}
	close(connection.answers)
}

func TestAuditEventsAreSentWhenTheClientIsClosed(t *testing.T) {
	server := testserver.Start(t)
	lw := ok[*Client](t)(Open(server.URL(), Options{}))
	queue := lw.newAuditQueue(1000)
	cmd := ok[command](t)(auditCommand(AuditRecord{Endpoint: "/"}))
	for range 250 {
		queue.record(cmd)
	}
	if err := lw.Close(); err != nil {
		t.Fatal(err)
	}
	other := openClient(t, server.URL())
	if events := ok[[]AuditEvent](t)(other.AuditLog(t.Context(), AuditQuery{Count: 1000})); len(events) != 250 {
		t.Fatalf("the log has %d events", len(events))
	}
}

func TestAuditEventsThatAreLostAreCounted(t *testing.T) {
	log := &logText{}
	var mu sync.Mutex
	var events []Event
	lw := ok[*Client](t)(Open("redis://127.0.0.1:1", Options{Logger: log.logger(), OnEvent: func(_ context.Context, e Event) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, e)
	}}))
	queue := lw.newAuditQueue(10)
	for range 3 {
		queue.record(ok[command](t)(auditCommand(AuditRecord{Endpoint: "/"})))
	}
	if err := lw.Close(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if lost := lw.Stats().AuditDropped; lost != 3 || len(events) != 3 || events[0].Outcome != AuditDropped {
		t.Fatalf("%d are lost, and the events are %v", lost, events)
	}
	if text := log.String(); !strings.Contains(text, "audit events are lost: no connection to Redis at 127.0.0.1:1") {
		t.Fatalf("the log: %s", text)
	}
}

// closingLosses closes the queue, as an application may do in OnEvent.
type closingLosses struct{ queue *sendQueue }

func (l *closingLosses) recorded() {}
func (l *closingLosses) lost(kind string, _ error, _ int) {
	if kind == "full" {
		l.queue.close(0)
	}
}

func TestAQueueIsNotLockedWhileALossIsReported(t *testing.T) {
	connection := &slowConnection{answers: make(chan struct{})}
	losses := &closingLosses{}
	losses.queue = newSendQueue(connection, 1, 0, losses)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 5 {
			losses.queue.record(command{args: []any{"one"}})
		}
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("the queue waits for itself")
	}
	close(connection.answers)
}
