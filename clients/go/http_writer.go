package lockwatch

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
)

// responseWriter adds headers to a response when it starts, and keeps its status. Through Unwrap,
// http.ResponseController finds the methods that it does not have.
type responseWriter struct {
	http.ResponseWriter
	owner  responseOwner
	ctx    context.Context
	status int
	// left is the number of bytes of the body that the application has announced; -1 if unknown.
	left int64
	// complete says that the whole body was written while the client was there.
	complete bool
	// failed says that the client could not be written to.
	failed  bool
	upgrade bool
}

// responseOwner is told about a response.
type responseOwner interface {
	// addHeaders is called before the final status is written.
	addHeaders(response http.Header)
	// finish is called when the application takes over the connection.
	finish(status int, headers http.Header)
}

func newResponseWriter(w http.ResponseWriter, r *http.Request, owner responseOwner) responseWriter {
	return responseWriter{
		ResponseWriter: w,
		owner:          owner,
		ctx:            r.Context(),
		left:           -1,
		upgrade:        r.Header["Upgrade"] != nil,
	}
}

// Unwrap is for http.ResponseController.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader passes informational responses on as they are.
func (w *responseWriter) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.start(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *responseWriter) start(status int) {
	w.status = status
	w.owner.addHeaders(w.Header())
	if length := w.Header()["Content-Length"]; len(length) == 1 {
		if announced, err := strconv.ParseInt(length[0], 10, 64); err == nil {
			w.left = announced
		}
	}
}

// Write starts the response with 200 unless it has a status.
func (w *responseWriter) Write(body []byte) (int, error) {
	if w.status == 0 {
		w.start(http.StatusOK)
	}
	present := w.isClientPresent()
	written, err := w.ResponseWriter.Write(body)
	w.count(int64(written), err, present)
	return written, err
}

// WriteString spares a copy of a text.
func (w *responseWriter) WriteString(body string) (int, error) {
	if w.status == 0 {
		w.start(http.StatusOK)
	}
	present := w.isClientPresent()
	written, err := io.WriteString(w.ResponseWriter, body)
	w.count(int64(written), err, present)
	return written, err
}

// ReadFrom keeps sendfile for files.
func (w *responseWriter) ReadFrom(source io.Reader) (int64, error) {
	if w.status == 0 {
		w.start(http.StatusOK)
	}
	present := w.isClientPresent()
	reader, ok := w.ResponseWriter.(io.ReaderFrom)
	if !ok {
		written, err := io.Copy(w.ResponseWriter, source)
		w.count(written, nil, present)
		return written, err
	}
	written, err := reader.ReadFrom(source)
	w.count(written, nil, present)
	return written, err
}

// isClientPresent is asked before a write: a client may read the last bytes and leave before the
// write returns.
func (w *responseWriter) isClientPresent() bool { return w.left > 0 && w.ctx.Err() == nil }

func (w *responseWriter) count(written int64, err error, present bool) {
	if err != nil && w.ctx.Err() != nil {
		w.failed = true
	}
	if w.left > 0 {
		w.left -= written
		w.complete = w.left <= 0 && !w.failed && present
	}
}

// Flush is for code that looks for an http.Flusher.
func (w *responseWriter) Flush() { _ = w.FlushError() }

// FlushError starts the response with 200 unless it has a status.
func (w *responseWriter) FlushError() error {
	if w.status == 0 {
		w.start(http.StatusOK)
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Push is for code that looks for an http.Pusher.
func (w *responseWriter) Push(target string, options *http.PushOptions) error {
	if pusher, ok := w.ResponseWriter.(http.Pusher); ok {
		return pusher.Push(target, options)
	}
	return http.ErrNotSupported
}

// Hijack gives the connection to the application.
func (w *responseWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	connection, buffer, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		if w.status == 0 && w.upgrade {
			w.status = http.StatusSwitchingProtocols
		}
		w.owner.finish(w.finalStatus(), w.Header())
	}
	return connection, buffer, err
}

// finish sets the headers of a response that the application leaves to the server.
func (w *responseWriter) finish() {
	if w.status == 0 {
		w.start(http.StatusOK)
	}
}

// finalStatus is 200 for a response that the application leaves to the server, and 499 if the
// client left before it was complete.
func (w *responseWriter) finalStatus() int {
	if w.failed || (!w.complete && errors.Is(w.ctx.Err(), context.Canceled)) {
		return statusClientGone
	}
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
