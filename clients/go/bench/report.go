package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
)

// report prints the table, and what lockwatch costs of redis_rate.
func report(found map[string][]figures, rounds int, seconds float64, file string) error {
	fmt.Printf("net/http on %s, %d connections, the medians of %d rounds of %v s\n\n",
		runtime.Version(), connections, rounds, seconds)
	fmt.Println("| | requests/s | p50 ms | p99 ms | CPU us a request: application | Redis | commands a request |")
	fmt.Println("|---|---|---|---|---|---|---|")
	table := make([]figures, 0, len(rows))
	medians := map[string]figures{}
	for _, row := range rows {
		each := medianOf(found[row.mode])
		fmt.Printf("| %s | %.0f | %.2f | %.2f | %.1f | %.1f | %.2f |\n",
			row.name, each.Rate, each.P50, each.P99, each.App, each.Server, each.Commands)
		table, medians[row.mode] = append(table, each), each
	}
	ratios := map[string]float64{}
	bare, peer := medians["bare"], medians["redis-rate"]
	for _, own := range []string{"lockwatch-limit", "lockwatch"} {
		app := (medians[own].App - bare.App) / (peer.App - bare.App)
		all := (medians[own].App + medians[own].Server - bare.App) / (peer.App + peer.Server - bare.App)
		ratios[own+"/redis-rate/app"], ratios[own+"/redis-rate/CPU"] = app, all
		fmt.Printf("\n%s adds %.2f of the CPU time of the application that redis_rate adds, and %.2f of that of both processes.\n",
			nameOf(own), app, all)
	}
	if file == "" {
		return nil
	}
	text, err := json.MarshalIndent(map[string]any{"rows": table, "ratios": ratios}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o600)
}

func nameOf(mode string) string {
	for _, row := range rows {
		if row.mode == mode {
			return row.name
		}
	}
	return mode
}

// medianOf is the median of each figure.
func medianOf(all []figures) figures {
	median := func(of func(figures) float64) float64 {
		values := make([]float64, len(all))
		for i, each := range all {
			values[i] = of(each)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return figures{
		Mode:     all[0].Mode,
		Rate:     median(func(f figures) float64 { return f.Rate }),
		P50:      median(func(f figures) float64 { return f.P50 }),
		P99:      median(func(f figures) float64 { return f.P99 }),
		App:      median(func(f figures) float64 { return f.App }),
		Server:   median(func(f figures) float64 { return f.Server }),
		Commands: median(func(f figures) float64 { return f.Commands }),
	}
}
