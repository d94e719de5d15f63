// Command bench measures the cost of the middleware: requests per second, latencies and CPU time of a
// hello-world application on net/http, bare, behind lockwatch and behind redis_rate. Every round runs
// each row once, so that a drift of the machine's speed affects all rows alike. The result is each
// row's median.
//
//	LOCKWATCH_MODULE=/path/to/liblockwatch.so go run . [-rounds 5] [-seconds 3] [-json FILE]
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"slices"
	"time"
)

const connections = 50

// rows are the modes of the application, and what they are called in the table.
var rows = []struct{ mode, name string }{
	{"bare", "net/http, bare"},
	{"lockwatch-limit", "lockwatch, the limit alone"},
	{"lockwatch", "lockwatch: limit, burst, audit"},
	{"redis-rate", "redis_rate, the limit alone"},
}

// modeVariable says in the environment which application to run in place of the benchmark.
const modeVariable = "LOCKWATCH_BENCH_MODE"

// figures are what one run of a row has measured.
type figures struct {
	Mode string  `json:"mode"`
	Rate float64 `json:"rate"`
	// P50 and P99 are in milliseconds.
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	// App and Server are the CPU time of a request in microseconds.
	App    float64 `json:"app"`
	Server float64 `json:"server"`
	// Commands of a request show that every request was limited.
	Commands float64 `json:"commands"`
}

func main() {
	if mode := os.Getenv(modeVariable); mode != "" {
		if err := serve(mode); err != nil {
			log.Fatal(err)
		}
		return
	}
	rounds := flag.Int("rounds", 5, "how often each row runs")
	seconds := flag.Float64("seconds", 3, "how long each row runs")
	file := flag.String("json", "", "a file for the numbers")
	flag.Parse()
	found := map[string][]figures{}
	for range *rounds {
		for _, row := range rows {
			measured, err := measure(row.mode, time.Duration(*seconds*float64(time.Second)))
			if err != nil {
				log.Fatalf("%s: %v", row.mode, err)
			}
			found[row.mode] = append(found[row.mode], measured)
		}
	}
	if err := report(found, *rounds, *seconds, *file); err != nil {
		log.Fatal(err)
	}
}

// measure runs the application of a row in a process of its own.
func measure(mode string, length time.Duration) (figures, error) {
	redis, err := startRedis()
	if err != nil {
		return figures{}, err
	}
	defer redis.stop()
	app, err := startApp(mode, redis.url)
	if err != nil {
		return figures{}, err
	}
	defer app.stop()
	if _, err := load(app.address, time.Second); err != nil {
		return figures{}, fmt.Errorf("warming up: %w", err)
	}
	serverBefore, appBefore := redis.usage(), app.usage()
	latencies, err := load(app.address, length)
	if err != nil {
		return figures{}, err
	}
	server, busy := redis.usage(), app.usage()
	slices.Sort(latencies)
	count := float64(len(latencies))
	at := func(share float64) float64 { return milliseconds(latencies[int(count*share)]) }
	return figures{
		Mode:     mode,
		Rate:     count / length.Seconds(),
		P50:      at(0.5),
		P99:      at(0.99),
		App:      float64((busy - appBefore).Microseconds()) / count,
		Server:   float64((server.busy - serverBefore.busy).Microseconds()) / count,
		Commands: (server.commands - serverBefore.commands) / count,
	}, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
