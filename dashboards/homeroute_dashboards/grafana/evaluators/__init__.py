"""What an evaluator opens: suppressed aggregates alone, for internal use."""
