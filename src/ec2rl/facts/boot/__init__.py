"""How a machine's boots went, by what they printed: lines, wordings, and the story they tell."""
