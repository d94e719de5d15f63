package lockwatch

import (
	"slices"
	"time"
)

// GuardEntry is a ban, an allow entry, or what a rule that only observes would have banned.
type GuardEntry struct {
	// Subject is an address, a network, or a user, a pair or a key with its hash.
	Subject string
	// Hash is the user or the key as 16 hexadecimal digits, for Subject.Hash.
	Hash string
	// Source is "rule", "operator", "allow" or "observed".
	Source string
	// Rule is the rule that banned; empty for an operator's entry.
	Rule string
	// Verdict is what the entry means: a ban may be weakened to a challenge.
	Verdict         Verdict
	BeganAt, EndsAt time.Time
	// Strikes is the number of earlier bans that made this one longer.
	Strikes int64
	// Count is the number of the rule that was exceeded, within Window.
	Count  int64
	Window time.Duration
	Reason string
	// By is who did it, as the call said, and ACLUser the user of the call.
	By, ACLUser string
	// Cursor is what Bans takes as After.
	Cursor string
}

var entrySources = []string{"rule", "operator", "allow", "observed"}

// GuardChallenge is a challenge that a rule has set.
type GuardChallenge struct {
	Subject, Rule string
	// Verdict is Deny once a pair has exceeded the rule although it passed the challenge.
	Verdict         Verdict
	BeganAt, EndsAt time.Time
}

// GuardCount is what a rule has counted for a subject.
type GuardCount struct {
	Subject, Rule string
	// Units is what is counted at present. The rule decides when they exceed Count within Window.
	Units, Count int64
	Window       time.Duration
	Strikes      int64
	// QuietUntil is until when the rule decides nothing more for this subject.
	QuietUntil time.Time
}

// GuardReport is what a guard knows of a subject.
type GuardReport struct {
	// Subject is empty if the guard holds nothing yet.
	Subject, Hash string
	Verdict       Verdict
	Rule          string
	RetryAfter    time.Duration
	Would         Verdict
	// KnownNetworks and KnownDevices are how many of the user are known.
	KnownNetworks, KnownDevices int64
	Entries                     []GuardEntry
	Challenges                  []GuardChallenge
	Counts                      []GuardCount
}

func readReport(value any) (*GuardReport, error) {
	found := recordOf(value)
	report := &GuardReport{
		Subject: found.optional("subject"), Hash: found.optional("hash"), Verdict: found.word("verdict"),
		Rule: found.optional("rule"), RetryAfter: found.duration("retry_after_ms"), Would: found.word("would"),
		KnownNetworks: found.integer("known_networks"), KnownDevices: found.integer("known_devices"),
		Entries:    listIn(found, "entries", readEntry),
		Challenges: listIn(found, "challenges", readChallenge),
		Counts:     listIn(found, "counts", readCount),
	}
	return report, found.err()
}

func readEntry(f *fields) GuardEntry {
	f.wrong = f.wrong || !slices.Contains(entrySources, f.text("source"))
	entry := GuardEntry{
		Subject: f.text("subject"), Hash: f.optional("hash"), Source: f.text("source"), Rule: f.optional("rule"),
		Verdict: f.word("verdict"), BeganAt: f.time("from_ms"), EndsAt: f.time("until_ms"),
		Strikes: f.integer("strikes"), Count: f.integer("count"), Window: f.duration("window_ms"),
		Reason: f.optional("reason"), By: f.optional("by"), ACLUser: f.optional("acl_user"),
	}
	// Those of a report have none.
	if _, has := f.values["cursor"]; has {
		entry.Cursor = f.optional("cursor")
	}
	return entry
}

func readChallenge(f *fields) GuardChallenge {
	return GuardChallenge{f.text("subject"), f.text("rule"), f.word("verdict"), f.time("from_ms"), f.time("until_ms")}
}

func readCount(f *fields) GuardCount {
	return GuardCount{
		Subject: f.text("subject"), Rule: f.text("rule"), Units: f.integer("units"), Count: f.integer("count"),
		Window: f.duration("window_ms"), Strikes: f.integer("strikes"), QuietUntil: f.time("quiet_until_ms"),
	}
}

// word is a verdict as a word.
func (f *fields) word(name string) Verdict {
	word := Verdict(f.text(name))
	f.wrong = f.wrong || !slices.Contains(verdicts, word)
	return word
}
