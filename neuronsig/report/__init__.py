"""The report: a static site that opens from a file, one page a neuron, searchable without a server."""

from neuronsig.report.build import ReportSummary, build, inputs_fingerprint

__all__ = ["ReportSummary", "build", "inputs_fingerprint"]
