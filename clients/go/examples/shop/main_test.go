package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lockwatch"
	"lockwatch/internal/testserver"
)

const origin = "https://shop.example.com"

func TestTheShop(t *testing.T) {
	lw, err := lockwatch.Open(testserver.Start(t).URL(), lockwatch.Options{Service: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lw.Close() }()
	handler, err := newHandler(lw, origin)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path, body, authorization string) (status int, text string) {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Origin", origin)
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		read, err := io.ReadAll(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		return w.Code, string(read)
	}
	if status, text := ask(http.MethodGet, "/items", "", ""); status != 200 || text != "lamp, chair\n" {
		t.Fatalf("items: %d %s", status, text)
	}
	status, text := ask(http.MethodPost, "/auth/login", `{"username": "alice", "password": "wonderland"}`, "")
	var tokens struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(text), &tokens); err != nil || status != 200 {
		t.Fatalf("a login: %d %s", status, text)
	}
	authorization := "Bearer " + tokens.AccessToken
	if status, text := ask(http.MethodGet, "/orders", "", authorization); status != 200 || text != "orders of alice\n" {
		t.Fatalf("orders: %d %s", status, text)
	}
	if status, _ := ask(http.MethodGet, "/orders", "", ""); status != 401 {
		t.Fatalf("orders without a token: %d", status)
	}
	var last int
	for range 5 {
		last, _ = ask(http.MethodPost, "/auth/login", `{"username": "alice", "password": "guess"}`, "")
	}
	if last != 429 {
		t.Fatalf("the sixth login within a minute: %d", last)
	}
}
