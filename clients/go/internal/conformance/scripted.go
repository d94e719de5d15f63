package conformance

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// where is the write that a command came in: the number of the connection, and of the read.
type where struct{ connection, read int }

// sentCommand is a command of a round trip.
type sentCommand struct {
	words []string
	where where
}

// scriptedServer takes the place of Redis. It reads RESP, records the commands, and answers from a
// script.
type scriptedServer struct {
	listener net.Listener

	mu          sync.Mutex
	connections []net.Conn
	script      []json.RawMessage
	corrections []json.RawMessage
	auditReply  json.RawMessage
	sent        []sentCommand
	audited     [][]string
	corrected   [][]string
}

func newScriptedServer(t *testing.T) *scriptedServer {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scriptedServer{listener: listener}
	go s.accept()
	t.Cleanup(s.refuse)
	return s
}

func (s *scriptedServer) url() string { return "redis://" + s.listener.Addr().String() }

// refuse stops listening, and closes every connection.
func (s *scriptedServer) refuse() {
	_ = s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, each := range s.connections {
		_ = each.Close()
	}
}

func (s *scriptedServer) accept() {
	for {
		connection, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.connections = append(s.connections, connection)
		number := len(s.connections)
		s.mu.Unlock()
		go s.serve(connection, number)
	}
}

func (s *scriptedServer) serve(connection net.Conn, number int) {
	counter := &countingReader{Reader: connection}
	reader := bufio.NewReaderSize(counter, 1<<16)
	for {
		words, err := readCommand(reader)
		if err != nil {
			return
		}
		answer := s.reply(words, where{number, counter.reads})
		var failure struct{ Failure string }
		if json.Unmarshal(answer, &failure) == nil && failure.Failure != "" {
			s.fall(connection, reader, failure.Failure, where{number, counter.reads})
			return
		}
		out, err := encoded(answer)
		if err != nil {
			return
		}
		if _, err := connection.Write(out); err != nil {
			return
		}
	}
}

// fall reads the commands that came in the same write, and never answers again.
func (s *scriptedServer) fall(connection net.Conn, reader *bufio.Reader, failure string, at where) {
	for reader.Buffered() > 0 {
		words, err := readCommand(reader)
		if err != nil {
			break
		}
		s.reply(words, at)
	}
	if failure == "closed" {
		_ = connection.Close()
		return
	}
	_, _ = io.Copy(io.Discard, reader)
}

func (s *scriptedServer) reply(words []string, at where) json.RawMessage {
	unexpected := json.RawMessage(`{"error": "ERR this was not in the script"}`)
	if strings.EqualFold(words[0], "HELLO") {
		// As a server that speaks RESP2 alone.
		return json.RawMessage(`{"error": "ERR unknown command 'HELLO'"}`)
	}
	if !strings.HasPrefix(words[0], "LW.") {
		return json.RawMessage(`{"status": "OK"}`)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case words[0] == "LW.AUDIT":
		s.audited = append(s.audited, words)
		return s.auditReply
	case words[0] == "LW.REFUND", words[0] == "LW.EVENT", words[len(words)-1] == "FORCE":
		s.corrected = append(s.corrected, words)
		return next(&s.corrections, unexpected)
	}
	s.sent = append(s.sent, sentCommand{words, at})
	return next(&s.script, unexpected)
}

func next(script *[]json.RawMessage, otherwise json.RawMessage) json.RawMessage {
	if len(*script) == 0 {
		return otherwise
	}
	first := (*script)[0]
	*script = (*script)[1:]
	return first
}

// countingReader counts reads, each of which has what was written at once.
type countingReader struct {
	io.Reader
	reads int
}

func (r *countingReader) Read(into []byte) (int, error) {
	n, err := r.Reader.Read(into)
	r.reads++
	return n, err
}

func readCommand(reader *bufio.Reader) ([]string, error) {
	count, err := readLength(reader)
	if err != nil {
		return nil, err
	}
	words := make([]string, count)
	for i := range words {
		size, err := readLength(reader)
		if err != nil {
			return nil, err
		}
		word := make([]byte, size+2)
		if _, err := io.ReadFull(reader, word); err != nil {
			return nil, err
		}
		words[i] = string(word[:size])
	}
	return words, nil
}

// readLength reads `*3` or `$7`.
func readLength(reader *bufio.Reader) (int, error) {
	line, err := reader.ReadString('\n')
	if err != nil || len(line) < 3 {
		return 0, io.ErrUnexpectedEOF
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}

// encoded is a reply of the file as RESP.
func encoded(answer json.RawMessage) ([]byte, error) {
	var value any
	decoder := json.NewDecoder(strings.NewReader(string(answer)))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	return appendReply(nil, value)
}

func appendReply(out []byte, value any) ([]byte, error) {
	switch value := value.(type) {
	case nil:
		return append(out, "$-1\r\n"...), nil
	case json.Number:
		return fmt.Appendf(out, ":%s\r\n", value), nil
	case string:
		return fmt.Appendf(out, "$%d\r\n%s\r\n", len(value), value), nil
	case []any:
		out = fmt.Appendf(out, "*%d\r\n", len(value))
		var err error
		for _, each := range value {
			if out, err = appendReply(out, each); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		if text, ok := value["error"].(string); ok {
			return fmt.Appendf(out, "-%s\r\n", text), nil
		}
		if text, ok := value["status"].(string); ok {
			return fmt.Appendf(out, "+%s\r\n", text), nil
		}
	}
	return nil, fmt.Errorf("no reply: %v", value)
}
