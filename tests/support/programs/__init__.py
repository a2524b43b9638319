"""Generated closed programs: what they are made of, how they run on every evaluator, and how a difference is made small."""
