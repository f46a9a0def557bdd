"""Code-review interview rounds on our own fixtures.

A *scenario* is code with *sites*, each of which stands there in several variants: good, bad or a decoy that only looks bad.
A *round* is one choice of variants. The candidate reviews it; the review is graded against the *flags* (bad sites) and
*decoys* of the round, and what was missed comes back days later in another variant.

The way through, which the command and the page share::

    scenario = load(folder)                      # scenario.py: templates and scenario.toml
    round_ = draw(scenario, level, seed)         # rounds.py: or ``from_code("GPT-S-2KQ-7F", scenarios)``
    round_.files                                 # the text of each file as the candidate sees it
    review = Review(comments=[Comment(...)])     # review.py: from ``# REVIEW`` comments, or line comments of the page
    result = grade(round_, review)               # grading.py: score, outcomes of flags, false alarms
    referee(round_)                              # linting.py: what the linter says of the same lines
"""
