"""Applications before and after they move to lockwatch."""
