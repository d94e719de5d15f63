package lockwatchecho_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"lockwatch"
	"lockwatch/internal/conformance"
	"lockwatch/internal/webtest"

	lockwatchecho "lockwatch/echo"
)

func TestTheMiddlewareDoesWhatTheConformanceFileSays(t *testing.T) {
	conformance.Run(t, func(client *lockwatch.Client, options lockwatch.MiddlewareOptions, app http.Handler) http.Handler {
		e := echo.New()
		e.Use(lockwatch.Must(lockwatchecho.Middleware(client, options)))
		e.RouteNotFound("/*", echo.WrapHandler(app))
		return e
	})
}

// app is an application on echo.
func app(client *lockwatch.Client, options lockwatch.MiddlewareOptions) http.Handler {
	e := echo.New()
	e.Logger.SetOutput(io.Discard)
	e.Use(middleware.Recover(), lockwatch.Must(lockwatchecho.Middleware(client, options)))
	e.GET("/items", func(c echo.Context) error { return c.String(http.StatusOK, "items") })
	e.GET("/panic", func(echo.Context) error { panic("a handler fails") })
	limit := lockwatch.Must(lockwatchecho.Limit(client, webtest.RouteLimit, lockwatch.RouteLimitOptions{}))
	e.Group("/orders").POST("/:id", func(c echo.Context) error { return c.String(http.StatusOK, "ordered") }, limit)
	return e
}

func TestEcho(t *testing.T) { webtest.Run(t, app) }
