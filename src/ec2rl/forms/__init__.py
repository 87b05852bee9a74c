"""The forms in which programs print the kernel's log: a table of them, and what reads a line by it.

Nothing here looks at a machine: text in, records out. docs/forms.md shows an example of each form.
"""
