"""The doctor: reads a labelled set and says what is wrong with it, and what to do."""

from facing.datasets.doctor.check import check_set
from facing.datasets.doctor.finding import Finding, Report
from facing.datasets.doctor.survey import Survey, survey
from facing.datasets.doctor.text import report_text

__all__ = ["Finding", "Report", "Survey", "check_set", "report_text", "survey"]
