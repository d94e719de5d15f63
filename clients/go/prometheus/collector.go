// Package lockwatchprometheus has the counters of a lockwatch client as metrics of Prometheus.
//
//	registry.MustRegister(lockwatchprometheus.NewCollector(lw))
//
// The numbers are read when they are scraped, so requests pay nothing more.
package lockwatchprometheus

import (
	"github.com/prometheus/client_golang/prometheus"

	"lockwatch"
)

var (
	requests = prometheus.NewDesc("lockwatch_client_requests_total",
		"Requests by the policy and by what became of its limit.", []string{"policy", "outcome"}, nil)
	limitsOff = prometheus.NewDesc("lockwatch_client_limits_off",
		"1 while requests are let through without a limit, because Redis is away.", nil, nil)
	auditDropped = prometheus.NewDesc("lockwatch_client_audit_dropped_total",
		"Audit events that were lost.", nil, nil)
)

type collector struct{ client *lockwatch.Client }

// NewCollector returns the metrics lockwatch_client_requests_total{policy, outcome},
// lockwatch_client_limits_off and lockwatch_client_audit_dropped_total of a client. No label has a
// key, a user or an address. For a second client in one registry, register its collector with
// prometheus.WrapRegistererWith and a label of its own.
func NewCollector(client *lockwatch.Client) prometheus.Collector { return &collector{client} }

// Describe sends what the metrics are.
func (c *collector) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- requests
	descriptions <- limitsOff
	descriptions <- auditDropped
}

// Collect sends the metrics.
func (c *collector) Collect(metrics chan<- prometheus.Metric) {
	stats := c.client.Stats()
	for policy, outcomes := range stats.Requests {
		for outcome, count := range outcomes {
			metrics <- prometheus.MustNewConstMetric(requests, prometheus.CounterValue, float64(count), policy, string(outcome))
		}
	}
	off := 0.0
	if stats.LimitsOff {
		off = 1
	}
	metrics <- prometheus.MustNewConstMetric(limitsOff, prometheus.GaugeValue, off)
	metrics <- prometheus.MustNewConstMetric(auditDropped, prometheus.CounterValue, float64(stats.AuditDropped))
}
