"""Tenure: a customer-lifecycle warehouse for telecom operators."""

__version__ = "0.1.0"
