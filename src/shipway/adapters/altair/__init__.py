"""Altair and vl-convert: charts as SVG."""
