"""Models on the warehouse: point-in-time features in, calibrated churn scores, reasons and segments out.

Depends on `tenure`, never the other way. Every number that steers a model is in `params.yaml`.
"""
