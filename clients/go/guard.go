package lockwatch

// GuardResult is what a guard answers.
type GuardResult struct{}
