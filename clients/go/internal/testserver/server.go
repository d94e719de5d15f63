// Package testserver starts real Redis servers with the module for tests: alone, with a replica and
// Sentinel, or as a cluster.
//
// LOCKWATCH_MODULE is the path of the module, and LOCKWATCH_SERVER that of redis-server unless it
// is on PATH. A test without a server fails, and is not skipped.
package testserver

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const startTime = 20 * time.Second

// Server is a redis-server in a directory of its own, without persistence.
type Server struct {
	Port    int
	args    []string
	dir     string
	process *exec.Cmd
}

// Start starts a server with the module, which ends with the test. args are further arguments of
// redis-server.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	module := os.Getenv("LOCKWATCH_MODULE")
	if module == "" {
		t.Fatal("LOCKWATCH_MODULE is not set: set it to the path of liblockwatch.so")
	}
	return StartWithout(t, append([]string{"--loadmodule", module}, args...)...)
}

// StartWithout starts a server without the module.
func StartWithout(t testing.TB, args ...string) *Server {
	t.Helper()
	s := &Server{Port: freePort(t), args: args, dir: t.TempDir()}
	t.Cleanup(s.Kill)
	s.Run(t)
	return s
}

// Run starts the server on its port again, after Kill, and waits until it answers.
func (s *Server) Run(t testing.TB) {
	t.Helper()
	args := []string{
		"--port", strconv.Itoa(s.Port), "--bind", "127.0.0.1", "--save", "", "--dir", s.dir, "--logfile", "redis.log",
		// A replica is sent its copy without a delay.
		"--repl-diskless-sync-delay", "0",
	}
	s.launch(t, append(args, s.args...))
}

func (s *Server) launch(t testing.TB, args []string) {
	t.Helper()
	server := os.Getenv("LOCKWATCH_SERVER")
	if server == "" {
		server = "redis-server"
	}
	s.process = exec.Command(server, args...)
	if err := s.process.Start(); err != nil {
		t.Fatalf("redis-server did not start: %v", err)
	}
	Eventually(t, "an answer of redis-server", startTime, s.answers)
}

// answers asks without go-redis, which would log each refused connection.
func (s *Server) answers() bool {
	connection, err := net.Dial("tcp", s.Address())
	if err != nil {
		return false
	}
	defer func() { _ = connection.Close() }()
	if _, err = connection.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	answer, err := bufio.NewReader(connection).ReadString('\n')
	return err == nil && (answer == "+PONG\r\n" || strings.HasPrefix(answer, "-NOAUTH"))
}

// Address is its host and port.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// URL is its URL.
func (s *Server) URL() string { return "redis://" + s.Address() }

// Dir is its working directory.
func (s *Server) Dir() string { return s.dir }

// Admin is a client of go-redis for the server, which is closed with the test.
func (s *Server) Admin(t testing.TB) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: s.Address(), DialerRetries: 1})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// Kill ends the server as a crash would.
func (s *Server) Kill() {
	if s.process == nil {
		return
	}
	// A server that hangs has to be continued before it can end.
	_ = s.process.Process.Signal(syscall.SIGCONT)
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
	s.process = nil
}

// Hang has the server accept connections and answer nothing, until Continue or the end of the test.
func (s *Server) Hang(t testing.TB) {
	t.Helper()
	if err := s.process.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

// Continue ends Hang.
func (s *Server) Continue(t testing.TB) {
	t.Helper()
	if err := s.process.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

// Log returns what the server has logged.
func (s *Server) Log() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "redis.log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Eventually waits until a condition holds, and fails the test if it does not within a time.
func Eventually(t testing.TB, what string, within time.Duration, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("there was not %s within %v", what, within)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// freePort is a port on which nothing listens at present, and neither at the port of a cluster's
// bus, ten thousand above.
func freePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 20_000 + rand.IntN(12_000)
		if isFree(port) && isFree(port+10_000) {
			return port
		}
	}
	t.Fatal("there is no free port")
	return 0
}

func isFree(port int) bool {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}
