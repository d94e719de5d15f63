package lockwatch

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

// wire is a server that speaks RESP2, answers commands from a list, and keeps what it was sent.
type wire struct {
	listener net.Listener

	mu      sync.Mutex
	replies []json.RawMessage
	sent    [][]string
}

func startWire(t *testing.T, replies ...json.RawMessage) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: listener, replies: replies}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go w.serve(connection)
		}
	}()
	return w
}

func (w *wire) url() string { return "redis://" + w.listener.Addr().String() }

func (w *wire) commands() [][]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent
}

func (w *wire) serve(connection net.Conn) {
	defer func() { _ = connection.Close() }()
	reader := bufio.NewReader(connection)
	for {
		words, err := readWords(reader)
		if err != nil {
			return
		}
		answer, failure := w.answer(words)
		switch failure {
		case "closed":
			return
		case "timeout":
			_, _ = io.Copy(io.Discard, reader)
			return
		}
		if _, err := io.WriteString(connection, answer); err != nil {
			return
		}
	}
}

// answer is the next reply, or how the connection fails.
func (w *wire) answer(words []string) (reply, failure string) {
	if strings.EqualFold(words[0], "HELLO") {
		return "-ERR unknown command 'HELLO'\r\n", ""
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, words)
	if len(w.replies) == 0 {
		return "-ERR this was not in the script\r\n", ""
	}
	var value any
	decoder := json.NewDecoder(strings.NewReader(string(w.replies[0])))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return "-ERR " + err.Error() + "\r\n", ""
	}
	w.replies = w.replies[1:]
	if object, isObject := value.(map[string]any); isObject && object["failure"] != nil {
		return "", fmt.Sprint(object["failure"])
	}
	return encodeReply(value), ""
}

// readWords reads a command: an array of bulk strings.
func readWords(reader *bufio.Reader) ([]string, error) {
	count, err := readLength(reader)
	if err != nil {
		return nil, err
	}
	words := make([]string, count)
	for i := range words {
		length, err := readLength(reader)
		if err != nil {
			return nil, err
		}
		word := make([]byte, length+2)
		if _, err := io.ReadFull(reader, word); err != nil {
			return nil, err
		}
		words[i] = string(word[:length])
	}
	return words, nil
}

func readLength(reader *bufio.Reader) (int, error) {
	line, err := reader.ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}

// encodeReply writes a reply as the conformance file has it. A record is a flat array in RESP2.
func encodeReply(value any) string {
	switch reply := value.(type) {
	case nil:
		return "$-1\r\n"
	case json.Number:
		return ":" + reply.String() + "\r\n"
	case string:
		return fmt.Sprintf("$%d\r\n%s\r\n", len(reply), reply)
	case []any:
		var out strings.Builder
		fmt.Fprintf(&out, "*%d\r\n", len(reply))
		for _, each := range reply {
			out.WriteString(encodeReply(each))
		}
		return out.String()
	case map[string]any:
		if text, isError := reply["error"].(string); isError {
			return "-" + text + "\r\n"
		}
		pairs, _ := reply["map"].([]any)
		var flat []any
		for _, pair := range pairs {
			both, _ := pair.([]any)
			flat = append(flat, both...)
		}
		return encodeReply(flat)
	}
	return fmt.Sprintf("-ERR the script has a %T\r\n", value)
}
