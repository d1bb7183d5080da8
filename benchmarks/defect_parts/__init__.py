"""Logs with planted defects: sessions, apps, values, plants, truth."""
