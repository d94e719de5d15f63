package lockwatchgin_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"

	"lockwatch"
	"lockwatch/internal/conformance"
	"lockwatch/internal/webtest"

	lockwatchgin "lockwatch/gin"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	m.Run()
}

func TestTheMiddlewareDoesWhatTheConformanceFileSays(t *testing.T) {
	conformance.Run(t, func(client *lockwatch.Client, options lockwatch.MiddlewareOptions, app http.Handler) http.Handler {
		router := gin.New()
		router.Use(lockwatch.Must(lockwatchgin.Middleware(client, options)))
		router.NoRoute(gin.WrapH(app))
		return router
	})
}

// app is an application on gin.
func app(client *lockwatch.Client, options lockwatch.MiddlewareOptions) http.Handler {
	router := gin.New()
	router.Use(gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) { c.AbortWithStatus(500) }))
	router.Use(lockwatch.Must(lockwatchgin.Middleware(client, options)))
	router.GET("/items", func(c *gin.Context) { c.String(http.StatusOK, "items") })
	router.GET("/panic", func(*gin.Context) { panic("a handler fails") })
	limit := lockwatch.Must(lockwatchgin.Limit(router, client, webtest.RouteLimit, lockwatch.RouteLimitOptions{}))
	router.Group("/orders").POST("/:id", limit, func(c *gin.Context) { c.String(http.StatusOK, "ordered") })
	return router
}

func TestGin(t *testing.T) { webtest.Run(t, app) }
