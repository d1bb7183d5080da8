"""What the audit's benchmark is made of: scoring, bulk logs, peers."""
