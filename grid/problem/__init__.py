"""What is planned and what comes out: the dispatch problem with all its parts, the plan, and what plans cost."""
