"""The book: chapters, their figures and notebooks, and the tools that build the site (`make docs`)."""
