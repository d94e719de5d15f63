// Package lockwatchgin is the middleware of lockwatch, and its limits for routes, for gin:
//
//	router := gin.New()
//	router.Use(lockwatch.Must(lockwatchgin.Middleware(client, lockwatch.MiddlewareOptions{Limits: "100/minute"})))
//	perMinute := lockwatch.Must(lockwatchgin.Limit(router, client, "5/minute", lockwatch.RouteLimitOptions{}))
//	router.POST("/orders/:id", perMinute, order)
package lockwatchgin

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"lockwatch"
)

type contextKey struct{}

// Middleware is lockwatch.Middleware for gin. It comes behind gin.Recovery.
func Middleware(client *lockwatch.Client, options lockwatch.MiddlewareOptions) (gin.HandlerFunc, error) {
	middleware, err := lockwatch.Middleware(client, options)
	return handler(middleware), err
}

// Limit is lockwatch.RouteLimit for gin. With the engine, all methods of a route that Any or Match
// declares share one counter. If engine is nil, each method has its own.
func Limit(
	engine *gin.Engine, client *lockwatch.Client, limits string, options lockwatch.RouteLimitOptions,
) (gin.HandlerFunc, error) {
	if options.Route == nil {
		options.Route = (&routes{engine: engine}).text
	}
	limit, err := lockwatch.RouteLimit(client, limits, options)
	return handler(limit), err
}

// State returns the state of a request; nil without the middleware, and for an exempt request.
func State(c *gin.Context) *lockwatch.State { return lockwatch.StateOf(c.Request.Context()) }

// handler makes middleware of net/http one of gin.
func handler(middleware func(http.Handler) http.Handler) gin.HandlerFunc {
	if middleware == nil {
		return nil
	}
	return func(c *gin.Context) {
		goesOn := false
		next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			goesOn = true
			proceed(c, w, r)
		})
		request := c.Request.WithContext(context.WithValue(c.Request.Context(), contextKey{}, c))
		middleware(next).ServeHTTP(c.Writer, request)
		if !goesOn {
			c.Abort()
		}
	}
}

// proceed calls the handlers behind the middleware, whose responses pass through w.
func proceed(c *gin.Context, w http.ResponseWriter, r *http.Request) {
	c.Request = r
	original := c.Writer
	if w == http.ResponseWriter(original) {
		c.Next()
		return
	}
	wrapped := &writer{ResponseWriter: original, outer: w}
	c.Writer = wrapped
	defer func() { c.Writer = original }()
	c.Next()
	// gin writes the status of a response without a body later.
	wrapped.start()
}

// routes are the texts of the routes that a limit has met.
type routes struct {
	engine *gin.Engine
	known  sync.Map
}

type place struct{ method, path string }

// text returns [METHOD[,METHOD] ]/path of the route that a request has matched. Routes of one path
// belong together if they have the same handler, as those of Any and Match have.
func (t *routes) text(r *http.Request) string {
	c, ok := r.Context().Value(contextKey{}).(*gin.Context)
	if !ok {
		return ""
	}
	path := c.FullPath()
	if path == "" {
		// The handlers of NoRoute.
		return "/**"
	}
	at := place{r.Method, path}
	if known, found := t.known.Load(at); found {
		return known.(string)
	}
	methods := []string{r.Method}
	if t.engine != nil {
		methods = methodsOf(t.engine, path, c.HandlerName())
	}
	text := textOf(methods) + template(path)
	t.known.Store(at, text)
	return text
}

func methodsOf(engine *gin.Engine, path, handler string) []string {
	var methods []string
	for _, each := range engine.Routes() {
		if each.Path == path && each.Handler == handler {
			methods = append(methods, each.Method)
		}
	}
	return methods
}

// allMethods are those of gin.RouterGroup.Any.
var allMethods = []string{
	http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodHead, http.MethodOptions,
	http.MethodDelete, http.MethodConnect, http.MethodTrace,
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

// template writes `*rest` as `**`.
func template(path string) string {
	if star := strings.LastIndex(path, "/*"); star >= 0 {
		return path[:star] + "/**"
	}
	return path
}
