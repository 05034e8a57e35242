"""Incremental, encrypted backup over a router of hot and cold stores."""
