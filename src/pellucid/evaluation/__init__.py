"""How accurate and how robust a classifier is, and how good images are."""
