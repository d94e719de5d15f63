package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const request = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n"

// load sends requests over kept connections, each when the one before has been answered. It writes raw
// bytes, so that the client takes less CPU time than the server. Its results are latencies.
func load(address string, length time.Duration) ([]time.Duration, error) {
	var (
		all       sync.WaitGroup
		mu        sync.Mutex
		latencies []time.Duration
		failures  []error
	)
	deadline := time.Now().Add(length)
	for range connections {
		all.Go(func() {
			own, err := ask(address, deadline)
			mu.Lock()
			defer mu.Unlock()
			latencies = append(latencies, own...)
			if err != nil {
				failures = append(failures, err)
			}
		})
	}
	all.Wait()
	return latencies, errors.Join(failures...)
}

func ask(address string, deadline time.Time) ([]time.Duration, error) {
	connection, err := new(net.Dialer).DialContext(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = connection.Close() }()
	reader := bufio.NewReader(connection)
	var latencies []time.Duration
	for began := time.Now(); began.Before(deadline); began = time.Now() {
		if _, err := io.WriteString(connection, request); err != nil {
			return nil, err
		}
		if err := readResponse(reader); err != nil {
			return nil, err
		}
		latencies = append(latencies, time.Since(began))
	}
	return latencies, nil
}

// readResponse reads a response with a Content-Length. Any status but 200 is an error.
func readResponse(reader *bufio.Reader) error {
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
		return fmt.Errorf("the response is %q", line)
	}
	length := 0
	for len(line) > 2 {
		if line, err = reader.ReadSlice('\n'); err != nil {
			return err
		}
		if value, found := bytes.CutPrefix(line, []byte("Content-Length: ")); found {
			for _, digit := range bytes.TrimSpace(value) {
				length = 10*length + int(digit-'0')
			}
		}
	}
	_, err = reader.Discard(length)
	return err
}
