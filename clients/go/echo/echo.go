// Package lockwatchecho is the middleware of lockwatch, and its limits for routes, for echo:
//
//	e := echo.New()
//	e.Use(lockwatch.Must(lockwatchecho.Middleware(client, lockwatch.MiddlewareOptions{Limits: "100/minute"})))
//	perMinute := lockwatch.Must(lockwatchecho.Limit(client, "5/minute", lockwatch.RouteLimitOptions{}))
//	e.POST("/orders/:id", order, perMinute)
package lockwatchecho

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"lockwatch"
)

type contextKey struct{}

// Middleware is lockwatch.Middleware for echo. It comes behind middleware.Recover.
func Middleware(client *lockwatch.Client, options lockwatch.MiddlewareOptions) (echo.MiddlewareFunc, error) {
	middleware, err := lockwatch.Middleware(client, options)
	return adapt(middleware), err
}

// Limit is lockwatch.RouteLimit for echo, whose name is derived from the route of echo.
func Limit(
	client *lockwatch.Client, limits string, options lockwatch.RouteLimitOptions,
) (echo.MiddlewareFunc, error) {
	if options.Route == nil {
		options.Route = new(routes).text
	}
	limit, err := lockwatch.RouteLimit(client, limits, options)
	return adapt(limit), err
}

// State returns the state of a request; nil without the middleware, and for an exempt request.
func State(c echo.Context) *lockwatch.State { return lockwatch.StateOf(c.Request().Context()) }

// adapt makes middleware of net/http one of echo.
func adapt(middleware func(http.Handler) http.Handler) echo.MiddlewareFunc {
	if middleware == nil {
		return nil
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) (failure error) {
			response := c.Response()
			passed := &writer{ResponseWriter: response.Writer, response: response}
			inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				failure = passed.proceed(c, w, r, next)
			})
			request := c.Request().WithContext(context.WithValue(c.Request().Context(), contextKey{}, c))
			middleware(inner).ServeHTTP(passed, request)
			return failure
		}
	}
}

// writer is what the middleware writes to: to echo for a response of its own, so that echo knows
// the status; and past it for what comes from echo.
type writer struct {
	http.ResponseWriter
	response *echo.Response
	goesOn   bool
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader sends the headers.
func (w *writer) WriteHeader(status int) {
	if w.goesOn {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.response.WriteHeader(status)
}

// Write writes to the body.
func (w *writer) Write(body []byte) (int, error) {
	if w.goesOn {
		return w.ResponseWriter.Write(body)
	}
	return w.response.Write(body)
}

// proceed calls the handler behind the middleware, whose response passes through outer. The
// response to an error is written here, so that the middleware sees its status.
func (w *writer) proceed(c echo.Context, outer http.ResponseWriter, r *http.Request, next echo.HandlerFunc) error {
	c.SetRequest(r)
	if outer == http.ResponseWriter(w) {
		return next(c)
	}
	w.goesOn = true
	w.response.Writer = outer
	defer func() { w.response.Writer = w.ResponseWriter }()
	err := next(c)
	if err != nil {
		c.Error(err)
	}
	return err
}

// routes are the texts of the routes that a limit has met.
type routes struct{ known sync.Map }

type place struct{ method, path string }

// text returns [METHOD[,METHOD] ]/path of the route that a request has matched. Routes of one path
// belong together if they have the same name, as those of Any and Match have.
func (t *routes) text(r *http.Request) string {
	c, ok := r.Context().Value(contextKey{}).(echo.Context)
	if !ok {
		return ""
	}
	path := c.Path()
	if path == "" {
		return "/**"
	}
	at := place{r.Method, path}
	if known, found := t.known.Load(at); found {
		return known.(string)
	}
	methods := methodsOf(c.Echo(), at)
	text := textOf(methods) + template(path)
	// A client can make up any number of other methods.
	if len(methods) > 0 || slices.Contains(allMethods, r.Method) {
		t.known.Store(at, text)
	}
	return text
}

// methodsOf is empty for a handler of unknown paths, or of all methods.
func methodsOf(e *echo.Echo, of place) []string {
	routes := slices.DeleteFunc(e.Routes(), func(each *echo.Route) bool { return each.Path != of.path })
	at := slices.IndexFunc(routes, func(each *echo.Route) bool { return each.Method == of.method })
	if at < 0 {
		return nil
	}
	var methods []string
	for _, each := range routes {
		if each.Name == routes[at].Name {
			methods = append(methods, each.Method)
		}
	}
	return methods
}

// allMethods are those of echo.Echo.Any.
var allMethods = []string{
	http.MethodConnect, http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPatch,
	http.MethodPost, echo.PROPFIND, http.MethodPut, http.MethodTrace, echo.REPORT,
}

// textOf has the methods in alphabetical order, without a HEAD that comes with GET. It is empty for
// a route of all methods.
func textOf(methods []string) string {
	isAny := !slices.ContainsFunc(allMethods, func(method string) bool { return !slices.Contains(methods, method) })
	if isAny || len(methods) == 0 {
		return ""
	}
	if slices.Contains(methods, http.MethodGet) {
		methods = slices.DeleteFunc(methods, func(method string) bool { return method == http.MethodHead })
	}
	slices.Sort(methods)
	return strings.Join(methods, ",") + " "
}

// template writes a `*` at the end as `**`.
func template(path string) string {
	if before, found := strings.CutSuffix(path, "/*"); found {
		return before + "/**"
	}
	return path
}
