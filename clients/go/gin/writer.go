package lockwatchgin

import (
	"bufio"
	"io"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"
)

// writer passes a response of gin through the writer of the middleware, once gin knows its status.
type writer struct {
	gin.ResponseWriter
	outer   http.ResponseWriter
	started bool
}

// start tells the middleware the status, before anything is written.
func (w *writer) start() {
	if !w.started {
		w.started = true
		w.outer.WriteHeader(w.Status())
	}
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.outer }

// Write writes to the body.
func (w *writer) Write(body []byte) (int, error) {
	w.start()
	return w.outer.Write(body)
}

// WriteString writes to the body.
func (w *writer) WriteString(body string) (int, error) {
	w.start()
	return io.WriteString(w.outer, body)
}

// WriteHeaderNow sends the headers.
func (w *writer) WriteHeaderNow() {
	w.start()
	w.ResponseWriter.WriteHeaderNow()
}

// Flush sends what is written.
func (w *writer) Flush() {
	w.start()
	w.ResponseWriter.Flush()
}

// Hijack gives the connection to the application, of which the middleware learns.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.outer).Hijack()
}
