"""Every figure and table of the four papers: what was published, and what one's own classifiers give."""
