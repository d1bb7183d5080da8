"""From request logs to the money, the culprits and the remedy; and lint."""
