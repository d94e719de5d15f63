package testserver

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Proxy leads to a server that may be replaced by another one, like the address of a service in
// Kubernetes. Connections that are open still lead to the server that they were made to.
type Proxy struct {
	target   atomic.Pointer[string]
	listener net.Listener
	mu       sync.Mutex
	open     map[net.Conn]bool
	accepted atomic.Int64
}

// StartProxy starts a proxy in front of a server, which ends with the test.
func StartProxy(t testing.TB, to *Server) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &Proxy{listener: listener, open: map[net.Conn]bool{}}
	p.Lead(to)
	t.Cleanup(func() {
		_ = listener.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		for each := range p.open {
			_ = each.Close()
		}
	})
	go p.accept()
	return p
}

// Lead makes new connections lead to a server.
func (p *Proxy) Lead(to *Server) {
	address := to.Address()
	p.target.Store(&address)
}

// URL is that of the proxy.
func (p *Proxy) URL() string { return "redis://" + p.listener.Addr().String() }

// Accepted is the number of connections so far.
func (p *Proxy) Accepted() int64 { return p.accepted.Load() }

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.accepted.Add(1)
		server, err := net.Dial("tcp", *p.target.Load())
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.open[client], p.open[server] = true, true
		p.mu.Unlock()
		go pass(client, server)
		go pass(server, client)
	}
}

func pass(from, to net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
	_ = from.Close()
}
