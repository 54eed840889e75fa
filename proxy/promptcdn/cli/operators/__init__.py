"""The commands of whoever runs a service: they read its settings, its store and its counters. A file a command."""
