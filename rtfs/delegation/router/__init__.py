"""The costed router: quality against latency and cost, learnt from what calls gave.

    prompt ──features──▶ logistic ──calibration──▶ quality of each target ┐
    records ──experience──▶ latency, tokens, reliability                  ├─▶ engine: limits, score, decision
                                                     prices, limits ──────┘
"""
