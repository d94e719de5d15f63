// Package lockwatchchi has limits for routes of chi. The middleware is lockwatch.Middleware itself,
// which chi takes as it is:
//
//	r := chi.NewRouter()
//	r.Use(lockwatch.Must(lockwatch.Middleware(client, lockwatch.MiddlewareOptions{Limits: "100/minute"})))
//	perMinute := lockwatch.Must(lockwatchchi.Limit(client, "5/minute", lockwatch.RouteLimitOptions{}))
//	r.With(perMinute).Post("/orders/{id}", order)
package lockwatchchi

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"

	"lockwatch"
)

// Limit is lockwatch.RouteLimit, whose name is derived from the route of chi.
func Limit(
	client *lockwatch.Client, limits string, options lockwatch.RouteLimitOptions,
) (func(http.Handler) http.Handler, error) {
	if options.Route == nil {
		options.Route = new(routes).text
	}
	return lockwatch.RouteLimit(client, limits, options)
}

// routes are the texts of the routes that a limit has met.
type routes struct{ known sync.Map }

type place struct{ method, path string }

// text returns [METHOD ]/path of the route that a request has matched, with the patterns of the
// routers that lead to it. It has no method for a route of all methods, and for a whole mount,
// whose path ends with /**. It is empty before the routing.
func (t *routes) text(r *http.Request) string {
	routing := chi.RouteContext(r.Context())
	path := routing.RoutePattern()
	if routing == nil || path == "" {
		return ""
	}
	at := place{routing.RouteMethod, path}
	if at.method == "" {
		at.method = r.Method
	}
	if known, found := t.known.Load(at); found {
		return known.(string)
	}
	text := at.text(routing.Routes)
	t.known.Store(at, text)
	return text
}

func (p place) text(routes chi.Routes) string {
	method, path := p.method+" ", p.path
	if routes == nil || isForAll(routes, "", p.path, p.method) {
		method = ""
	}
	if mount, found := strings.CutSuffix(path, "/*"); found {
		path = mount + "/**"
	}
	return method + path
}

// isForAll reports whether the route with a path is one of all methods, or a mount. Routes of one
// path and several methods are routes of their own.
func isForAll(routes chi.Routes, prefix, path, method string) bool {
	return slices.ContainsFunc(routes.Routes(), func(route chi.Route) bool {
		whole := prefix + route.Pattern
		if route.SubRoutes != nil {
			return joined(whole) == path || isForAll(route.SubRoutes, whole, path, method)
		}
		return joined(whole) == path && isOfAll(route.Handlers["*"], route.Handlers[method])
	})
}

// isOfAll reports whether the handler of a method is that of all methods. One of its own comes
// before that. Older versions of chi list the handler of all methods under each of them, too.
func isOfAll(all, own http.Handler) bool {
	if all == nil || own == nil {
		return own == nil
	}
	a, b := reflect.ValueOf(all), reflect.ValueOf(own)
	if a.Type() != b.Type() {
		return false
	}
	if a.Kind() == reflect.Func || a.Kind() == reflect.Pointer {
		return a.Pointer() == b.Pointer()
	}
	return a.Comparable() && a.Equal(b)
}

// joined is a path of several patterns, as chi joins them.
func joined(path string) string {
	for strings.Contains(path, "/*/") {
		path = strings.ReplaceAll(path, "/*/", "/")
	}
	if path == "/" {
		return path
	}
	return strings.TrimSuffix(strings.TrimSuffix(path, "//"), "/")
}
