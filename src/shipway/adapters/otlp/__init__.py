"""Spans over OTLP/HTTP, the protocol of OpenTelemetry's collectors; it needs no library."""
