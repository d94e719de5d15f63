package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// process is the application in a process of its own.
type process struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	address string
}

func startApp(mode, url string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{command: exec.CommandContext(context.Background(), self)} //nolint:gosec // this program itself
	p.command.Env = append(os.Environ(), modeVariable+"="+mode, redisVariable+"="+url)
	p.command.Stderr = os.Stderr
	if p.in, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewScanner(out)
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	if !p.out.Scan() {
		p.stop()
		return nil, fmt.Errorf("the application %s did not start", mode)
	}
	p.address = p.out.Text()
	return p, nil
}

// usage is the CPU time so far.
func (p *process) usage() time.Duration {
	if _, err := io.WriteString(p.in, "\n"); err != nil || !p.out.Scan() {
		return 0
	}
	nanoseconds, _ := strconv.ParseInt(p.out.Text(), 10, 64)
	return time.Duration(nanoseconds)
}

func (p *process) stop() {
	_ = p.in.Close()
	_ = p.command.Process.Kill()
	_ = p.command.Wait()
}

// server is a redis-server with the module, in a directory of its own.
type server struct {
	command *exec.Cmd
	dir     string
	url     string
	admin   *redis.Client
}

func startRedis() (*server, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return nil, err
	}
	if err := listener.Close(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, url: "redis://127.0.0.1:" + port}
	//nolint:gosec // the module of the one who measures
	s.command = exec.CommandContext(context.Background(), "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
		"--dir", dir, "--loadmodule", os.Getenv("LOCKWATCH_MODULE"))
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	s.admin = redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port, DialerRetries: 1})
	for deadline := time.Now().Add(10 * time.Second); s.admin.Do(context.Background(), "LW.PEEK", "a", 1, 1).Err() != nil; {
		if time.Now().After(deadline) {
			s.stop()
			return nil, fmt.Errorf("redis-server did not start with LOCKWATCH_MODULE")
		}
		time.Sleep(10 * time.Millisecond)
	}
	return s, nil
}

func (s *server) stop() {
	if s.admin != nil {
		_ = s.admin.Close()
	}
	_ = s.command.Process.Kill()
	_ = s.command.Wait()
	_ = os.RemoveAll(s.dir)
}

// serverUsage is the CPU time of Redis, and the number of its commands, so far.
type serverUsage struct {
	busy     time.Duration
	commands float64
}

var (
	commandCalls = regexp.MustCompile(`(?im)^cmdstat_(?:lw\.\w+|evalsha|eval):calls=(\d+)`)
	cpuSeconds   = regexp.MustCompile(`(?m)^used_cpu_(?:sys|user):([\d.]+)`)
)

func (s *server) usage() serverUsage {
	text := strings.Join([]string{
		s.admin.Info(context.Background(), "commandstats").Val(), s.admin.Info(context.Background(), "cpu").Val(),
	}, "\n")
	return serverUsage{
		busy:     time.Duration(sum(cpuSeconds, text) * float64(time.Second)),
		commands: sum(commandCalls, text),
	}
}

func sum(pattern *regexp.Regexp, text string) float64 {
	total := 0.0
	for _, match := range pattern.FindAllStringSubmatch(text, -1) {
		value, _ := strconv.ParseFloat(match[1], 64)
		total += value
	}
	return total
}
